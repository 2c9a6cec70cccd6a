import type { Batch, BatchFailure } from '../ports/batches.ts'
import type { Account } from '../ports/nonces.ts'
import type { TransactionSession, TransactionState } from '../ports/sessions.ts'

export type AbandonDeps = {
  readonly failBatch: (batch: Batch, failure: BatchFailure) => Promise<Batch>
  readonly advanceAll: (
    sessions: readonly TransactionSession[],
    next: (state: TransactionState, index: number) => TransactionState,
  ) => Promise<readonly TransactionSession[]>
  readonly freeNonces: (account: Account, sessionIds: readonly string[]) => Promise<void>
}

/**
 * Ends transactions that nobody has sent. First their states, then their nonces: nobody broadcasts a transaction whose nonce
 * is given out again.
 *
 * @param reason of those that were signed
 */
export async function abandon(
  deps: Pick<AbandonDeps, 'advanceAll' | 'freeNonces'>,
  { chainId, from }: Pick<Batch, 'chainId' | 'from'>,
  sessions: readonly TransactionSession[],
  reason: string,
): Promise<readonly TransactionSession[]> {
  if (sessions.length === 0) return []
  const ended = await deps.advanceAll(sessions, (state) => {
    if (state.status === 'prepared') return { status: 'expired' }
    return state.status === 'signed' ? { ...state, status: 'failed', reason } : state
  })
  const unsent = ended.filter(({ state }) => state.status === 'expired' || state.status === 'failed')
  const sessionIds = unsent.map(({ sessionId }) => sessionId)
  await deps.freeNonces({ chainId, address: from }, sessionIds)
  return ended
}

/** Ends a batch that cannot be signed any more. Repeatable. */
export async function failBatch(
  deps: AbandonDeps,
  batch: Batch,
  sessions: readonly TransactionSession[],
  failure: BatchFailure,
): Promise<Batch> {
  const failed = await deps.failBatch(batch, failure)
  await abandon(deps, batch, sessions, failure.code)
  return failed
}
