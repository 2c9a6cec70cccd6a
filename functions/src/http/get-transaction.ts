import type { TransactionResponse } from '@tandem/wire'
import type { Caller } from '@tandem/service'
import type { Receipt } from '../ports/chain.ts'
import type { TransactionSession } from '../ports/sessions.ts'

export type GetTransactionDeps = {
  readonly requireTransaction: (owner: string, sessionId: string) => Promise<TransactionSession>
  readonly receiptOf: (chainId: number, txHash: string) => Promise<Receipt | null>
  /** ms since 1970 */
  readonly now: () => number
}

/** GET /api/v1/transactions/:sessionId. Past `submitted` the chain is asked each time: what it says may still change. */
export const getTransaction =
  (deps: GetTransactionDeps) =>
  async (caller: Caller, sessionId: string): Promise<TransactionResponse> => {
    const session = await deps.requireTransaction(caller.sub, sessionId)
    const { profileId, unsignedTx, state } = session
    const base = { sessionId, profileId, unsignedTx }

    if (state.status === 'prepared') {
      return { ...base, status: session.expiresAt * 1000 <= deps.now() ? 'expired' : 'prepared' }
    }
    if (state.status === 'expired') return { ...base, status: 'expired' }

    const { txHash } = state
    if (state.status === 'failed') return { ...base, status: 'failed', txHash }
    const receipt = await deps.receiptOf(unsignedTx.chainId, txHash)
    if (receipt === null) return { ...base, status: state.status, txHash }
    return { ...base, status: receipt.status === 'success' ? 'mined' : 'failed', txHash, receipt }
  }
