import { createHash } from 'node:crypto'
import { isStoreError, ref, type Store } from '@tandem/store'
import { WireError } from '@tandem/wire'

/** So many in any window of that length: `{ name: 'sign', limit: 10, windowMs: 60_000 }`. */
export type Bucket = { readonly name: string; readonly limit: number; readonly windowMs: number }

/** What is left after this one. */
export type Allowance = { readonly bucket: Bucket; readonly remaining: number; readonly resetMs: number }

/** Times (ms) of what was spent in the window, oldest first; at most `limit`, and limits are small. */
type Spent = { readonly times: readonly number[] }

/**
 * Spends one of a user's allowance. Exact: a sliding window, one document per user and bucket, in one transaction. When
 * the store cannot decide, the answer is no.
 *
 * @throws {WireError} RATE_LIMITED with `retryAfter` in seconds
 */
export async function spendAllowance(
  store: Store,
  bucket: Bucket,
  user: string,
  nowMs = Date.now(),
): Promise<Allowance> {
  try {
    return await spendOne(store, bucket, user, nowMs)
  } catch (cause) {
    if (!isStoreError(cause, 'CONFLICT')) throw cause
    throw new WireError('RATE_LIMITED', bucket.name, { cause, retryAfter: 1 })
  }
}

function spendOne(store: Store, bucket: Bucket, user: string, nowMs: number): Promise<Allowance> {
  const { name, limit, windowMs } = bucket
  const document = ref<Spent>('allowances', `${name}:${createHash('sha256').update(user).digest('base64url')}`)
  return store.transaction(async (tx) => {
    const found = await tx.get(document)
    const recent = (found?.data.times ?? []).filter((time) => time > nowMs - windowMs)
    if (recent.length >= limit) {
      const freeAt = (recent.at(-limit) ?? nowMs) + windowMs
      throw new WireError('RATE_LIMITED', name, { retryAfter: Math.max(1, Math.ceil((freeAt - nowMs) / 1000)) })
    }
    const times = [...recent, nowMs]
    const write = { expireAt: nowMs + windowMs }
    if (found === undefined) tx.create(document, { times }, write)
    else tx.update(document, { times }, write)
    return { bucket, remaining: limit - times.length, resetMs: (times[0] ?? nowMs) + windowMs - nowMs }
  })
}

/** `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers. */
export function allowanceHeaders({ bucket, remaining, resetMs }: Allowance): Readonly<Record<string, string>> {
  const { name, limit, windowMs } = bucket
  return {
    'ratelimit-policy': `"${name}";q=${limit};w=${Math.ceil(windowMs / 1000)}`,
    ratelimit: `"${name}";r=${remaining};t=${Math.max(1, Math.ceil(resetMs / 1000))}`,
  }
}
