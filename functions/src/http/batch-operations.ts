import type { Caller } from '@tandem/service'
import {
  type BatchOperationsRequest,
  type BatchOperationsResponse,
  limits,
  type PrepareBatchRequest,
  type PrepareBatchResponse,
  type UnsignedTx,
  WireError,
} from '@tandem/wire'
import type { BuildOperations, BuiltOperation } from '../batch/builder.ts'
import type { Batch } from '../ports/batches.ts'
import type { Account } from '../ports/nonces.ts'
import type { Profile } from '../ports/profiles.ts'
import type { TransactionSession } from '../ports/sessions.ts'
import { agreed } from './prepare-transaction.ts'

export type BatchOperationsDeps = {
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly walletAddress: (profile: Profile, path: readonly number[]) => Promise<string>
  readonly buildOperations: BuildOperations
  /** Fees and gas. @throws {WireError} `TRANSACTION_REJECTED` naming the operation */
  readonly completeBatch: (
    account: { readonly chainId: number; readonly from: string },
    built: readonly BuiltOperation[],
  ) => Promise<readonly Omit<UnsignedTx, 'nonce'>[]>
  readonly settleOverdue: (caller: Caller, account: Account) => Promise<void>
  readonly reserveNonces: (
    account: Account,
    sessions: readonly { readonly sessionId: string; readonly until: number }[],
  ) => Promise<readonly number[]>
  readonly freeNonces: (account: Account, sessionIds: readonly string[]) => Promise<void>
  readonly openBatch: (caller: Caller, request: PrepareBatchRequest) => Promise<PrepareBatchResponse>
  readonly digestOf: (tx: UnsignedTx) => Promise<string>
  readonly createSessions: (sessions: readonly TransactionSession[]) => Promise<void>
  readonly createBatch: (batch: Batch) => Promise<void>
  readonly newSessionId: () => string
  readonly newBatchId: () => string
  /** ms since 1970 */
  readonly now: () => number
}

/**
 * POST /api/v1/batch/operations: transactions with everything filled in, nonces in their order, and digests as both we and
 * Sigpair computed them. Spec: docs/spec/flows.md, 15.1 to 15.3.
 */
export const batchOperations =
  (deps: BatchOperationsDeps) =>
  async (caller: Caller, request: BatchOperationsRequest): Promise<BatchOperationsResponse> => {
    const { profileId, chainId, operations, path = [] } = request
    const profile = await deps.requireProfile(caller.sub, profileId)
    const from = await deps.walletAddress(profile, path)
    const until = deps.now() + limits.SESSION_SECONDS * 1000
    const built = await deps.buildOperations({ chainId, from, operations, deadline: Math.floor(until / 1000) })
    checkSize(built)
    const filled = await deps.completeBatch({ chainId, from }, built)

    const account = { chainId, address: from }
    await deps.settleOverdue(caller, account)
    const sessions = built.map(() => ({ sessionId: deps.newSessionId(), until }))
    const nonces = await deps.reserveNonces(account, sessions)
    try {
      const transactions = sessions.map(({ sessionId }, i) => {
        const [unsigned, nonce] = [filled[i], nonces[i]]
        if (unsigned === undefined || nonce === undefined) throw new WireError('INTERNAL')
        return { sessionId, unsignedTx: { ...unsigned, nonce } }
      })
      return await open(deps, caller, { profile, from, path, until, transactions, built, chainId })
    } catch (cause) {
      const sessionIds = sessions.map(({ sessionId }) => sessionId)
      await deps.freeNonces(account, sessionIds)
      throw cause
    }
  }

function checkSize({ length }: readonly BuiltOperation[]): void {
  if (length > 0 && length <= limits.MAX_BATCH_OPERATIONS) return
  throw new WireError(
    'VALIDATION_FAILED',
    `operations: ${length} transactions; 1 to ${limits.MAX_BATCH_OPERATIONS} fit`,
  )
}

type Opening = {
  readonly profile: Profile
  readonly from: string
  readonly chainId: number
  readonly path: readonly number[]
  /** ms since 1970 */
  readonly until: number
  readonly transactions: readonly { readonly sessionId: string; readonly unsignedTx: UnsignedTx }[]
  readonly built: readonly BuiltOperation[]
}

/** First Sigpair's sessions, then ours: what we answer can be signed. */
async function open(deps: BatchOperationsDeps, caller: Caller, opening: Opening): Promise<BatchOperationsResponse> {
  const { profile, from, chainId, path: given, until, transactions, built } = opening
  const { profileId, keyId } = profile
  const batchId = deps.newBatchId()
  const path = [...given]
  const answer = await deps.openBatch(caller, { batchId, keyId, path, transactions: [...transactions] })
  const expiresAt = Math.min(answer.expiresAt, Math.floor(until / 1000))

  const ops = transactions.map(async ({ sessionId, unsignedTx }, index) => {
    const theirs = answer.sessions[index]
    if (theirs?.sessionId !== sessionId) throw disagreed()
    const digest = agreed(theirs.digest, await deps.digestOf(unsignedTx))
    const operation = built[index]?.operation ?? index
    return { index, operation, unsignedTx, sessionId, digest, rhoS: theirs.rhoS, path }
  })
  const unsignedOps = await Promise.all(ops)
  const common = { owner: caller.sub, profileId, keyId, from, expiresAt }
  const sessions = unsignedOps.map(
    ({ sessionId, unsignedTx, digest }): TransactionSession => ({
      ...{ ...common, kind: 'transaction', path, state: { status: 'prepared' } },
      ...{ batchId, sessionId, unsignedTx, digest },
    }),
  )
  await deps.createSessions(sessions)
  const named = unsignedOps.map(({ sessionId, operation }) => ({ sessionId, operation }))
  await deps.createBatch({ ...common, batchId, chainId, operations: named, failure: null })
  return { batchId, unsignedOps, expiresAt }
}

function disagreed(): WireError {
  return new WireError('INTERNAL', undefined, { cause: new Error('Sigpair answered other sessions') })
}
