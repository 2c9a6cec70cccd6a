import type { Caller } from '@tandem/service'
import { type BatchResponse, WireError } from '@tandem/wire'
import { type AbandonDeps, failBatch } from '../batch/abandon.ts'
import { inGroups } from '../batch/builder.ts'
import { viewOf } from '../batch/view.ts'
import type { Batch } from '../ports/batches.ts'
import type { Receipt } from '../ports/chain.ts'
import type { TransactionSession } from '../ports/sessions.ts'

export type GetBatchDeps = {
  readonly requireBatch: (owner: string, batchId: string) => Promise<Batch>
  readonly sessionsOf: (batch: Batch) => Promise<readonly TransactionSession[]>
  readonly receiptOf: (chainId: number, txHash: string) => Promise<Receipt | null>
  /** ms since 1970 */
  readonly now: () => number
}

/** GET /api/v1/batch/:batchId. What was sent is asked of the chain each time. */
export const getBatch =
  (deps: GetBatchDeps) =>
  async (caller: Caller, batchId: string): Promise<BatchResponse> => {
    const batch = await deps.requireBatch(caller.sub, batchId)
    const view = viewOf(batch, await deps.sessionsOf(batch), { now: deps.now() })
    const operations = await inGroups(view.operations, async (one) => {
      const sent = one.status === 'submitted' || one.status === 'signed'
      const receipt = sent && one.txHash !== undefined ? await deps.receiptOf(batch.chainId, one.txHash) : null
      if (receipt === null) return one
      if (receipt.status === 'success') return { ...one, status: 'mined' as const }
      return {
        ...one,
        status: 'failed' as const,
        error: { code: 'TRANSACTION_REJECTED', details: 'execution reverted' },
      }
    })
    return { ...view, operations }
  }

export type CancelBatchDeps = AbandonDeps &
  Omit<GetBatchDeps, 'receiptOf'> & {
    /** Nobody gets a signature for it from then on. @throws {WireError} `SESSION_CONSUMED` for one that is signed */
    readonly cancelBatch: (caller: Caller, batch: Batch) => Promise<object>
    readonly exclusively: <R>(name: string, work: () => Promise<R>) => Promise<R>
  }

/**
 * DELETE /api/v1/batch/:batchId: gives up a batch none of which was sent, so that the next one gets its nonces. First Sigpair signs
 * it no more, then it is over here, then its nonces are free. Repeatable at any point. Spec: docs/spec/flows.md, 15.6.
 */
export const cancelBatch =
  (deps: CancelBatchDeps) =>
  async (caller: Caller, batchId: string): Promise<BatchResponse> =>
    deps.exclusively(batchId, async () => {
      const batch = await deps.requireBatch(caller.sub, batchId)
      const sessions = await deps.sessionsOf(batch)
      // Even if we never heard that one of it was taken.
      if (batch.executing) throw new WireError('SESSION_CONSUMED', 'the batch was sent')
      // A batch that is signed here already is signed at Sigpair too; one that is not must not become so.
      if (sessions.some(({ state }) => state.status === 'prepared')) await deps.cancelBatch(caller, batch)
      const failed = await failBatch(deps, batch, sessions, { code: 'SESSION_CONSUMED', details: 'given up' })
      return viewOf(failed, await deps.sessionsOf(batch), { now: deps.now() })
    })
