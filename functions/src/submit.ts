import type { Caller } from '@tandem/service'
import { type CompleteSessionRequest, type CompleteSessionResponse, WireError } from '@tandem/wire'
import { type Account, expired } from './ports/nonces.ts'
import type { TransactionSession, TransactionState } from './ports/sessions.ts'

export type SubmitDeps = {
  /** Runs `work` unless somebody runs work of this name. @throws {WireError} `REQUEST_IN_PROGRESS` */
  readonly exclusively: <R>(name: string, work: () => Promise<R>) => Promise<R>
  /** @throws {WireError} `SESSION_CONSUMED` when the session's nonce is no longer its own */
  readonly pinNonce: (account: Account, sessionId: string) => Promise<void>
  readonly freeNonce: (account: Account, sessionId: string) => Promise<void>
  readonly completeSession: (
    caller: Caller,
    sessionId: string,
    request: CompleteSessionRequest,
  ) => Promise<CompleteSessionResponse>
  /** @throws {WireError} `MPC_SIGNING_FAILED` unless `signature` is the wallet's, over the session's digest */
  readonly assemble: (session: TransactionSession, signature: string) => Promise<{ raw: string; txHash: string }>
  /** @throws {WireError} `TRANSACTION_REJECTED`, `CHAIN_UNAVAILABLE` */
  readonly broadcast: (chainId: number, raw: string, txHash: string) => Promise<void>
  readonly advance: (
    session: TransactionSession,
    next: (state: TransactionState) => TransactionState,
  ) => Promise<TransactionSession>
}

/**
 * Takes a transaction from wherever it is to `submitted`. Each step is stored before the next begins and each can be
 * repeated, so a call after a crash at any point ends with the same transaction. Spec: docs/spec/flows.md, 5.3 and 5.4.
 *
 * @param share p1SignatureShare; absent when Sigpair already holds the signature
 * @returns the transaction's hash
 */
export async function submit(
  deps: SubmitDeps,
  caller: Caller,
  session: TransactionSession,
  share: string | undefined,
): Promise<string> {
  const { state } = session
  if (state.status === 'submitted') return state.txHash
  if (state.status === 'failed') throw new WireError('TRANSACTION_REJECTED', state.reason)
  if (state.status === 'expired') throw expired()

  const further =
    state.status === 'prepared' ? await sign(deps, caller, session, share) : await send(deps, session, state)
  return submit(deps, caller, further, share)
}

/** The session with its signature, stored together with the transaction it completes. */
function sign(deps: SubmitDeps, caller: Caller, session: TransactionSession, share: string | undefined) {
  // Two requests with one presignature: the second must not be told that it is spent.
  return deps.exclusively(session.sessionId, async () => {
    const now = await deps.advance(session, (state) => state)
    if (now.state.status !== 'prepared') return now

    await deps.pinNonce(accountOf(session), session.sessionId)
    const request = { keyId: session.keyId, ...(share === undefined ? {} : { p1SignatureShare: share }) }
    const { digest, signature } = await deps.completeSession(caller, session.sessionId, request)
    if (digest.toLowerCase() !== session.digest)
      throw new WireError('MPC_SIGNING_FAILED', 'signature of another digest')

    const signed = await deps.assemble(session, signature)
    return deps.advance(session, (state) => (state.status === 'prepared' ? { status: 'signed', ...signed } : state))
  })
}

/** Hands the stored transaction to the chain. @throws {WireError} `TRANSACTION_REJECTED`: then its nonce is free again */
export async function send(
  deps: Pick<SubmitDeps, 'advance' | 'broadcast' | 'freeNonce'>,
  session: TransactionSession,
  { raw, txHash }: { readonly raw: string; readonly txHash: string },
): Promise<TransactionSession> {
  try {
    await deps.broadcast(session.unsignedTx.chainId, raw, txHash)
  } catch (cause) {
    if (cause instanceof WireError && cause.code === 'TRANSACTION_REJECTED') await fail(deps, session, cause)
    throw cause
  }
  // Also over `failed`: if another attempt was refused and this one was not, the chain has the transaction.
  return deps.advance(session, (state) => (state.status === 'submitted' ? state : { status: 'submitted', raw, txHash }))
}

/** First the state, then the nonce: nobody broadcasts a transaction whose nonce is given out again. */
async function fail(
  deps: Pick<SubmitDeps, 'advance' | 'freeNonce'>,
  session: TransactionSession,
  rejection: WireError,
): Promise<void> {
  const before = session.state.status
  const reason = rejection.details ?? 'refused by the node'
  const { state } = await deps.advance(session, (state) =>
    // Unless another attempt got further meanwhile.
    'raw' in state && state.status === before
      ? { status: 'failed', raw: state.raw, txHash: state.txHash, reason }
      : state,
  )
  if (state.status === 'failed') await deps.freeNonce(accountOf(session), session.sessionId)
}

export function accountOf({ unsignedTx, from }: TransactionSession): Account {
  return { chainId: unsignedTx.chainId, address: from }
}
