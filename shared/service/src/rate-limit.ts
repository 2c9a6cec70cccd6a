import { createHash } from 'node:crypto'
import { isStoreError, ref, type Store } from '@tandem/store'
import { WireError } from '@tandem/wire'

/** So many in any window of that length: `{ name: 'sign', limit: 10, windowMs: 60_000 }`. */
export type Bucket = { readonly name: string; readonly limit: number; readonly windowMs: number }

/** What is left after this one. */
export type Allowance = { readonly bucket: Bucket; readonly remaining: number; readonly resetMs: number }

/** What was spent in the window, oldest first; at most `limit`, and limits are small. `at` in ms, `what` or ''. */
type Spent = { readonly spent: readonly { readonly at: number; readonly what: string }[] }

/**
 * Spends one of a user's allowance. Exact: a sliding window, one document per user and bucket, in one transaction. When
 * the store cannot decide, the answer is no.
 *
 * @param what names the thing it is spent on, if that can be asked for again: it counts once in the window
 * @throws {WireError} RATE_LIMITED with `retryAfter` in seconds
 */
export async function spendAllowance(
  store: Store,
  bucket: Bucket,
  user: string,
  nowMs = Date.now(),
  what = '',
): Promise<Allowance> {
  try {
    return await spendOne(store, bucket, user, nowMs, what)
  } catch (cause) {
    if (!isStoreError(cause, 'CONFLICT')) throw cause
    throw new WireError('RATE_LIMITED', bucket.name, { cause, retryAfter: 1 })
  }
}

function spendOne(store: Store, bucket: Bucket, user: string, nowMs: number, what: string): Promise<Allowance> {
  const { name, limit, windowMs } = bucket
  const document = ref<Spent>('allowances', `${name}:${createHash('sha256').update(user).digest('base64url')}`)
  const left = ({ spent }: Spent) => ({
    bucket,
    remaining: Math.max(0, limit - spent.length),
    resetMs: (spent[0]?.at ?? nowMs) + windowMs - nowMs,
  })
  return store.transaction(async (tx) => {
    const found = await tx.get(document)
    const recent = (found?.data.spent ?? []).filter(({ at }) => at > nowMs - windowMs)
    if (what !== '' && recent.some((one) => one.what === what)) return left({ spent: recent })
    if (recent.length >= limit) {
      const freeAt = (recent.at(-limit)?.at ?? nowMs) + windowMs
      throw new WireError('RATE_LIMITED', name, { retryAfter: Math.max(1, Math.ceil((freeAt - nowMs) / 1000)) })
    }
    const next = { spent: [...recent, { at: nowMs, what }] }
    const write = { expireAt: nowMs + windowMs }
    if (found === undefined) tx.create(document, next, write)
    else tx.update(document, next, write)
    return left(next)
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
