import type { Caller } from '@tandem/service'
import { type TransactionResponse, WireError } from '@tandem/wire'
import type { TransactionSession } from '../ports/sessions.ts'
import { accountOf, type SubmitDeps } from '../submit.ts'

export type CancelTransactionDeps = Pick<SubmitDeps, 'exclusively' | 'advance' | 'freeNonce'> & {
  readonly requirePayment: (owner: string, sessionId: string) => Promise<TransactionSession>
  /** Nobody gets a signature for it from then on. @throws {WireError} `SESSION_CONSUMED` for one that is signed */
  readonly cancelSession: (caller: Caller, session: TransactionSession) => Promise<object>
}

/**
 * DELETE /api/v1/transactions/:sessionId: gives a prepared transaction up, and its nonce to the next one. Each step is durable
 * before the next: Sigpair signs it no more, then it is over here, then its nonce is free. Repeatable at any point.
 *
 * Spec: docs/spec/flows.md, 5.6.
 */
export const cancelTransaction =
  (deps: CancelTransactionDeps) =>
  async (caller: Caller, sessionId: string): Promise<TransactionResponse> => {
    const session = await deps.requirePayment(caller.sub, sessionId)
    // Not beside a request that is signing it.
    await deps.exclusively(sessionId, () => cancel(deps, caller, session))
    const { profileId, unsignedTx } = session
    return { sessionId, profileId, unsignedTx, status: 'expired' }
  }

async function cancel(deps: CancelTransactionDeps, caller: Caller, session: TransactionSession): Promise<void> {
  const now = await deps.advance(session, (state) => state)
  if (now.state.status === 'prepared') await deps.cancelSession(caller, session)
  const { state } = await deps.advance(session, (before) =>
    before.status === 'prepared' ? { status: 'expired' } : before,
  )
  if (state.status !== 'expired') throw new WireError('SESSION_CONSUMED')
  await deps.freeNonce(accountOf(session), session.sessionId)
}
