import { ERRORS, WireError } from '@tandem/wire'
import type { Caller } from '@tandem/service'
import type { Counts } from './ports/chain.ts'
import { type Account, OVERDUE_MS, type Reservation } from './ports/nonces.ts'
import type { Session, TransactionSession, TransactionState } from './ports/sessions.ts'
import { accountOf, type SubmitDeps, send } from './submit.ts'

export type SettleDeps = Pick<SubmitDeps, 'advance' | 'broadcast' | 'freeNonce'> & {
  /** pinned reservations whose sessions ended at least `ms` ago */
  readonly overdueNonces: (account: Account, ms: number) => Promise<readonly Reservation[]>
  readonly countsOf: (account: Account) => Promise<Counts>
  readonly findSession: (owner: string, sessionId: string) => Promise<Session | undefined>
}

/**
 * Ends the signings of an account whose time is over and whose nonce the chain has not seen: a later transaction would
 * wait behind them for ever. Done before a new nonce is given out, by whoever comes first.
 *
 * What was reported as submitted is sent again. What was not is never sent by anybody else than its own request: its
 * nonce goes to the next transaction, so that of the two at most one is paid.
 */
export async function settleOverdue(deps: SettleDeps, caller: Caller, account: Account): Promise<void> {
  const overdue = await deps.overdueNonces(account, OVERDUE_MS)
  if (overdue.length === 0) return
  const { pending } = await deps.countsOf(account)
  for (const { nonce, sessionId } of overdue) {
    if (nonce < pending) continue
    const session = await deps.findSession(caller.sub, sessionId)
    if (session?.kind === 'transaction') await settle(deps, session)
    // Never signed, and forgotten since.
    else await deps.freeNonce(account, sessionId)
  }
}

async function settle(deps: SettleDeps, session: TransactionSession): Promise<void> {
  if (session.state.status === 'submitted') return sendAgain(deps, session, session.state)
  const { state } = await deps.advance(session, giveUp)
  if (state.status === 'expired' || state.status === 'failed') {
    await deps.freeNonce(accountOf(session), session.sessionId)
  }
}

/** Before the nonce is free, so that a late repetition finds that its transaction is no more. */
function giveUp(state: TransactionState): TransactionState {
  if (state.status === 'prepared') return { status: 'expired' }
  if (state.status === 'signed') return { ...state, status: 'failed', reason: 'it was not sent in time' }
  return state
}

async function sendAgain(deps: SettleDeps, session: TransactionSession, tx: { raw: string; txHash: string }) {
  try {
    await send(deps, session, tx)
  } catch (cause) {
    // Refused for good: `send` has written it down and freed the nonce.
    if (!(cause instanceof WireError) || ERRORS[cause.code].retryable) throw cause
  }
}
