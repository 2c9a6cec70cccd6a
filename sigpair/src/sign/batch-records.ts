import { type Ref, ref } from '@tandem/store'
import { toWireError } from '@tandem/service'
import { WireError } from '@tandem/wire'
import type { SessionRecord } from '../records.ts'
import { sessionAt, type Stores } from '../stores.ts'

/** parties/batches/{batchId}: sessions that are signed together or not at all. Source: docs/spec/flows.md, section 15. */
export type BatchRecord = {
  readonly batchId: string
  readonly keyId: string
  readonly owner: string
  /** in the order of the batch */
  readonly sessionIds: readonly string[]
  /** places of the operations without a signature, once it has failed: it never gets any */
  readonly failed: readonly number[] | null
  /** given up by its owner: nobody gets a signature for it any more */
  readonly cancelled: boolean
  /** at a member: parts of signatures have left */
  readonly released?: true
}

/** presignatures/batch-releases/{keyId}:{batchId}: its presignatures are consumed. Never rolled back. */
export type BatchRelease = { readonly at: number }

export const batchAt = (batchId: string): Ref<BatchRecord> => ref('batches', batchId)

export const batchReleaseAt = (keyId: string, batchId: string): Ref<BatchRelease> =>
  ref('batch-releases', `${keyId.toLowerCase()}:${batchId}`)

/** Whose batch is asked for. */
export type BatchName = Pick<BatchRecord, 'batchId' | 'keyId' | 'owner'>

/** @throws {WireError} `NOT_FOUND` unless it exists for this key and this owner */
export async function loadBatch({ parties }: Pick<Stores, 'parties'>, asked: BatchName): Promise<BatchRecord> {
  const batch = (await parties.get(batchAt(asked.batchId)))?.data
  if (batch?.owner !== asked.owner || batch.keyId !== asked.keyId.toLowerCase()) throw new WireError('NOT_FOUND')
  return batch
}

/** @throws {WireError} `SESSION_CONSUMED` for one that was given up, `MPC_SIGNING_FAILED` for one that has failed */
export function checkOpen({ failed, cancelled }: Pick<BatchRecord, 'failed' | 'cancelled'>): void {
  if (cancelled) throw new WireError('SESSION_CONSUMED', 'the batch was cancelled')
  if (failed) throw signingFailed(failed)
}

export function signingFailed(lost: readonly number[], cause?: unknown): WireError {
  return new WireError('MPC_SIGNING_FAILED', namesOf(lost), { cause })
}

/** The sessions of a batch, in its order. @throws {WireError} `NOT_FOUND` if one is no session of its key and owner */
export async function loadSessions({ parties }: Pick<Stores, 'parties'>, batch: BatchRecord): Promise<SessionRecord[]> {
  const docs = await Promise.all(batch.sessionIds.map(async (id) => parties.get(sessionAt(id))))
  return docs.map((doc) => {
    if (doc?.data.owner !== batch.owner || doc.data.keyId !== batch.keyId) throw new WireError('NOT_FOUND')
    return doc.data
  })
}

/** How errors and audit lines name one operation. */
export const nameOf = (index: number): string => `operation ${index}`

/** Runs `act` for each; an error says whose it is. */
export function forEachNamed<T, R>(items: readonly T[], act: (item: T, index: number) => R): R[] {
  return items.map((item, index) => {
    try {
      return act(item, index)
    } catch (error) {
      throw named(error, index)
    }
  })
}

function named(error: unknown, index: number): WireError {
  const { code, details } = toWireError(error)
  const what = details === undefined ? nameOf(index) : `${nameOf(index)}: ${details}`
  return new WireError(code, what, { cause: error })
}

/** `operation 3`, or `operations 0-4, 7`: short for any fifty. */
export function namesOf(indices: readonly number[]): string {
  const [only] = indices
  if (indices.length === 1 && only !== undefined) return nameOf(only)
  const runs: [number, number][] = []
  for (const index of indices) {
    const last = runs.at(-1)
    if (last?.[1] === index - 1) last[1] = index
    else runs.push([index, index])
  }
  return `operations ${runs.map(([from, to]) => (from === to ? from : `${from}-${to}`)).join(', ')}`
}
