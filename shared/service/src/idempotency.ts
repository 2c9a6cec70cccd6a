import { createHash } from 'node:crypto'
import { isStoreError, ref, type Ref, type Store, type Version } from '@tandem/store'
import { WireError } from '@tandem/wire'
import type { Answer, Incoming } from './routes.ts'

/** A request that has not ended by then counts as crashed, and its repetition starts again. */
const IN_PROGRESS_MS = 60_000

/** How long an answer is repeated. */
const KEEP_MS = 24 * 3_600_000

type Attempt = {
  readonly fingerprint: string
  /** null while it is being worked on */
  readonly answer: { readonly status: number; readonly json: string | null } | null
}

/**
 * Runs `work` once per `Idempotency-Key` of this user and endpoint; a repetition gets the first one's answer. A failure
 * is not kept: its repetition tries again. Without the header `work` simply runs, and its natural key must do.
 *
 * @throws {WireError} IDEMPOTENCY_MISMATCH if the key came with another body, REQUEST_IN_PROGRESS while the first one
 *         runs, VALIDATION_FAILED for a key that is not 1…255 visible ASCII characters
 */
export async function idempotent(
  store: Store,
  request: Pick<Incoming, 'method' | 'path' | 'headers' | 'rawBody'> & { readonly user: string },
  work: () => Promise<Answer>,
  clock: () => number = Date.now,
): Promise<Answer> {
  const key = request.headers['idempotency-key']
  if (key === undefined) return work()
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key))
    throw new WireError('VALIDATION_FAILED', 'Idempotency-Key: 1 to 255 visible ASCII characters')

  const record = ref<Attempt>('idempotency', digest(request.user, request.method, request.path, key))
  const fingerprint = digest(request.rawBody)
  const version = await begin(store, record, fingerprint, clock())
  if (version === undefined) return repeat((await store.get(record))?.data, fingerprint)

  try {
    const answer = await work()
    await keep(store, record, version, { fingerprint, answer: encode(answer) }, clock())
    return answer
  } catch (error) {
    await forget(store, record, version)
    throw error
  }
}

async function begin(store: Store, record: Ref<Attempt>, fingerprint: string, now: number) {
  try {
    return await store.create(record, { fingerprint, answer: null }, { expireAt: now + IN_PROGRESS_MS })
  } catch (error) {
    if (isStoreError(error, 'EXISTS')) return undefined
    throw error
  }
}

function repeat(attempt: Attempt | undefined, fingerprint: string): Answer {
  // it ended in a failure, or ran out, since we looked
  if (attempt === undefined) throw new WireError('REQUEST_IN_PROGRESS', undefined, { retryAfter: 1 })
  if (attempt.fingerprint !== fingerprint) throw new WireError('IDEMPOTENCY_MISMATCH')
  if (attempt.answer === null) throw new WireError('REQUEST_IN_PROGRESS', undefined, { retryAfter: 1 })
  const { status, json } = attempt.answer
  return json === null ? { status } : { status, body: JSON.parse(json) as object }
}

/** The work is done: if its record ran out meanwhile, there is nothing to keep, and nothing to fail. */
async function keep(store: Store, record: Ref<Attempt>, version: Version, attempt: Attempt, now: number) {
  try {
    await store.update(record, attempt, { ifVersion: version, expireAt: now + KEEP_MS })
  } catch (error) {
    if (!isStoreError(error, 'CONFLICT') && !isStoreError(error, 'MISSING')) throw error
  }
}

async function forget(store: Store, record: Ref<Attempt>, version: Version) {
  try {
    await store.delete(record, { ifVersion: version })
  } catch (error) {
    if (!isStoreError(error, 'CONFLICT')) throw error
  }
}

const encode = ({ status, body }: Answer) => ({ status, json: body === undefined ? null : JSON.stringify(body) })

function digest(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}\n`).update(part)
  return hash.digest('base64url')
}
