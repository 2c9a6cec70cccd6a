import { randomBytes } from 'node:crypto'
import { ref, type Store } from '@tandem/store'
import { type ErrorCode, WireError } from '@tandem/wire'
import { userTag } from './profiles.ts'

/** Transactions that are signed together and sent in order; where each is, its session says. */
export type Batch = {
  readonly batchId: string
  /** the user, as `issuer|subject` */
  readonly owner: string
  readonly profileId: string
  readonly keyId: string
  readonly chainId: number
  /** address that signs */
  readonly from: string
  /** in order; `operation` is the place in the request */
  readonly operations: readonly { readonly sessionId: string; readonly operation: number }[]
  /** seconds since 1970 */
  readonly expiresAt: number
  /** what ended it before it was signed */
  readonly failure: BatchFailure | null
  /** the user has proven the second factor for it */
  readonly proven?: true
  /** the chain may have heard of it: from then on it is not given up */
  readonly executing?: true
}

export type BatchFailure = { readonly code: ErrorCode; readonly details?: string }

/** Batches as one user sees them: what is not his is absent. */
export type Batches = {
  readonly create: (batch: Batch) => Promise<void>
  /** @throws {WireError} `NOT_FOUND` */
  readonly require: (owner: string, batchId: string) => Promise<Batch>
  /** Durable: from then on no code is asked for this batch. */
  readonly markProven: (batch: Batch) => Promise<void>
  /** Durable, before the first of it is sent. */
  readonly markExecuting: (batch: Batch) => Promise<void>
  /** The first failure stays. */
  readonly fail: (batch: Batch, failure: BatchFailure) => Promise<Batch>
}

export function newBatchId(): string {
  return `bat_${randomBytes(16).toString('base64url')}`
}

/** Long enough to ask what became of it; the sessions of transactions that were sent stay. */
const REMEMBERED_MS = 30 * 24 * 3_600_000

export function batches(store: Store): Batches {
  return {
    create: async (batch) => {
      const options = { expireAt: batch.expiresAt * 1000 + REMEMBERED_MS }
      await store.create(refOf(batch.owner, batch.batchId), batch, options)
    },
    require: async (owner, batchId) => {
      const doc = await store.get(refOf(owner, batchId))
      if (doc === undefined) throw new WireError('NOT_FOUND')
      return doc.data
    },
    markProven: async (batch) => {
      await change(store, batch, (known) => ({ ...known, proven: true }))
    },
    markExecuting: async (batch) => {
      await change(store, batch, (known) => (known.executing ? known : { ...known, executing: true }))
    },
    fail: (batch, failure) => change(store, batch, (known) => (known.failure === null ? { ...known, failure } : known)),
  }
}

function change(store: Store, { owner, batchId }: Batch, next: (batch: Batch) => Batch): Promise<Batch> {
  const at = refOf(owner, batchId)
  return store.transaction(async (tx) => {
    const doc = await tx.get(at)
    if (doc === undefined) throw new WireError('NOT_FOUND')
    const after = next(doc.data)
    if (after !== doc.data) tx.update(at, after, { expireAt: doc.expireAt })
    return after
  })
}

function refOf(owner: string, batchId: string) {
  return ref<Batch>('batches', `${userTag(owner)}:${batchId}`)
}
