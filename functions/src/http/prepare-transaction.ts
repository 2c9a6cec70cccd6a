import {
  limits,
  type PrepareSessionRequest,
  type PrepareSessionResponse,
  type PrepareTransactionRequest,
  type PrepareTransactionResponse,
  type UnsignedTx,
  WireError,
} from '@tandem/wire'
import type { Caller } from '@tandem/service'
import type { Account } from '../ports/nonces.ts'
import type { Profile } from '../ports/profiles.ts'
import type { TransactionSession } from '../ports/sessions.ts'

export type PrepareTransactionDeps = {
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly walletAddress: (profile: Profile, path: readonly number[]) => Promise<string>
  /** Asks the chain for what the request leaves open. */
  readonly completeTransaction: (from: string, request: PrepareTransactionRequest) => Promise<Omit<UnsignedTx, 'nonce'>>
  /** Finds out what became of signings nobody reported, so that no nonce stays a hole. */
  readonly settleOverdue: (caller: Caller, account: Account) => Promise<void>
  readonly reserveNonce: (account: Account, session: { sessionId: string; until: number }) => Promise<number>
  readonly freeNonce: (account: Account, sessionId: string) => Promise<void>
  readonly openSession: (caller: Caller, request: PrepareSessionRequest) => Promise<PrepareSessionResponse>
  readonly digestOf: (tx: UnsignedTx) => Promise<string>
  readonly createSession: (session: TransactionSession) => Promise<void>
  readonly newSessionId: () => string
  /** ms since 1970 */
  readonly now: () => number
}

/**
 * POST /api/v1/profiles/:id/transactions: a transaction with everything filled in, a nonce that is its own until the
 * session expires, and the digest as both we and Sigpair computed it. Spec: docs/spec/flows.md, 5.1.
 */
export const prepareTransaction =
  (deps: PrepareTransactionDeps) =>
  async (
    caller: Caller,
    profileId: string,
    request: PrepareTransactionRequest,
  ): Promise<PrepareTransactionResponse> => {
    const { path = [], chainId } = request
    const profile = await deps.requireProfile(caller.sub, profileId)
    const from = await deps.walletAddress(profile, path)
    const account = { chainId, address: from }
    const filled = await deps.completeTransaction(from, request)

    await deps.settleOverdue(caller, account)
    const sessionId = deps.newSessionId()
    const until = deps.now() + limits.SESSION_SECONDS * 1000
    const nonce = await deps.reserveNonce(account, { sessionId, until })
    try {
      return await open(deps, caller, profile, { sessionId, from, path, until, unsignedTx: { ...filled, nonce } })
    } catch (cause) {
      await deps.freeNonce(account, sessionId)
      throw cause
    }
  }

type Opening = {
  readonly sessionId: string
  readonly from: string
  readonly path: readonly number[]
  /** ms since 1970 */
  readonly until: number
  readonly unsignedTx: UnsignedTx
}

/** First Sigpair's session, then ours: what we answer can be signed. */
async function open(
  deps: PrepareTransactionDeps,
  caller: Caller,
  { profileId, keyId }: Profile,
  { sessionId, from, path, until, unsignedTx }: Opening,
): Promise<PrepareTransactionResponse> {
  const payload = { kind: 'transaction', unsignedTx } as const
  const answer = await deps.openSession(caller, { sessionId, keyId, path: [...path], payload })
  const digest = agreed(answer.digest, await deps.digestOf(unsignedTx))
  const expiresAt = Math.min(answer.expiresAt, Math.floor(until / 1000))
  const session = { sessionId, owner: caller.sub, profileId, keyId, path, from, digest, expiresAt, unsignedTx }
  await deps.createSession({ ...session, kind: 'transaction', state: { status: 'prepared' } })
  return { unsignedTx, sessionId, digest, rhoS: answer.rhoS, path: [...path], expiresAt }
}

/** Whoever decodes the transaction differently must not sign it. */
export function agreed(sigpairs: string, ours: string): string {
  if (sigpairs.toLowerCase() === ours) return ours
  throw new WireError('INTERNAL', undefined, { cause: new Error('Sigpair computed another digest') })
}
