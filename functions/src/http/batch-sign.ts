import type { Caller } from '@tandem/service'
import {
  type BatchSignRequest,
  type BatchSignResponse,
  type CompleteBatchRequest,
  type CompleteBatchResponse,
  type TwoFactorCode,
  WireError,
} from '@tandem/wire'
import { type AbandonDeps, failBatch } from '../batch/abandon.ts'
import type { Batch } from '../ports/batches.ts'
import { type Account, expired } from '../ports/nonces.ts'
import type { RequireTwoFactor } from '../two-factor/require.ts'
import type { TransactionSession, TransactionState } from '../ports/sessions.ts'

export type BatchSignDeps = AbandonDeps & {
  readonly requireBatch: (owner: string, batchId: string) => Promise<Batch>
  /** in the order of the batch */
  readonly sessionsOf: (batch: Batch) => Promise<readonly TransactionSession[]>
  /** Runs `work` unless somebody runs work of this name. @throws {WireError} `REQUEST_IN_PROGRESS` */
  readonly exclusively: <R>(name: string, work: () => Promise<R>) => Promise<R>
  /** Proves the second factor of a caller and uses the proof up. @throws {WireError} see two-factor/require.ts */
  readonly requireTwoFactor: RequireTwoFactor
  readonly markProven: (batch: Batch) => Promise<void>
  /** @throws {WireError} `SESSION_CONSUMED` when one of the nonces is no longer its session's */
  readonly pinNonces: (account: Account, sessionIds: readonly string[]) => Promise<void>
  readonly completeBatch: (
    caller: Caller,
    batchId: string,
    request: CompleteBatchRequest,
  ) => Promise<CompleteBatchResponse>
  /** @throws {WireError} `MPC_SIGNING_FAILED` unless `signature` is the wallet's, over the session's digest */
  readonly assemble: (session: TransactionSession, signature: string) => Promise<{ raw: string; txHash: string }>
}

/**
 * POST /api/v1/mpc/batch-sign: all transactions of a batch signed and stored, or none. Nothing is sent here. A repetition
 * answers the same. Spec: docs/spec/flows.md, 15.4.
 */
export const batchSign =
  (deps: BatchSignDeps) =>
  async (caller: Caller, request: BatchSignRequest): Promise<BatchSignResponse> => {
    const { batchId, signatures, twoFactorCode } = request
    const signed = await deps.exclusively(batchId, async () => {
      const batch = await deps.requireBatch(caller.sub, batchId)
      if (batch.failure !== null) throw new WireError(batch.failure.code, batch.failure.details)
      const sessions = await deps.sessionsOf(batch)
      if (sessions.every(({ state }) => state.status !== 'prepared')) return sessions
      const proven = await prove(deps, caller, batch, twoFactorCode)
      return sign(deps, caller, { batch, sessions, signatures, proven })
    })
    return { signedOps: signed.map(answerOf), executionReady: true }
  }

/** A code works once and signing may take several attempts: what was proven is kept with the batch. Spec: docs/spec/policy.md, section 6. */
async function prove(
  { requireTwoFactor, markProven }: BatchSignDeps,
  caller: Caller,
  batch: Batch,
  code: TwoFactorCode | undefined,
): Promise<boolean> {
  if (batch.proven || code === undefined) return batch.proven ?? false
  await requireTwoFactor(caller, code)
  await markProven(batch)
  return true
}

type Signing = {
  readonly proven: boolean
  readonly batch: Batch
  readonly sessions: readonly TransactionSession[]
  readonly signatures: readonly string[] | undefined
}

async function sign(deps: BatchSignDeps, caller: Caller, signing: Signing): Promise<readonly TransactionSession[]> {
  const { batch, sessions } = signing
  const sessionIds = sessions.map(({ sessionId }) => sessionId)
  await deps.pinNonces({ chainId: batch.chainId, address: batch.from }, sessionIds)
  const answer = await completed(deps, caller, signing)

  const transactions: { raw: string; txHash: string }[] = []
  for (const [i, session] of sessions.entries()) {
    const theirs = answer.signatures[i]
    const same = theirs?.sessionId === session.sessionId && theirs.digest.toLowerCase() === session.digest
    if (!same) throw new WireError('MPC_SIGNING_FAILED', `operation ${i}: signature of another digest`)
    transactions.push(await deps.assemble(session, theirs.signature))
  }
  return deps.advanceAll(sessions, (state, i) => signedState(state, transactions[i]))
}

function signedState(state: TransactionState, signed: { raw: string; txHash: string } | undefined): TransactionState {
  if (state.status !== 'prepared') return state
  if (signed === undefined) throw new WireError('INTERNAL')
  return { status: 'signed', ...signed }
}

/** Presignatures that made no signatures are spent: such a batch is over, and its nonces are the next one's. */
async function completed(deps: BatchSignDeps, caller: Caller, { batch, sessions, signatures, proven }: Signing) {
  const shares = signatures === undefined ? {} : { signatures: [...signatures] }
  const request = { keyId: batch.keyId, ...shares, ...(proven ? { proven } : {}) }
  try {
    return await deps.completeBatch(caller, batch.batchId, request)
  } catch (cause) {
    if (cause instanceof WireError && cause.code === 'MPC_SIGNING_FAILED') {
      const { code, details } = cause
      await failBatch(deps, batch, sessions, { code, ...(details === undefined ? {} : { details }) })
    }
    throw cause
  }
}

function answerOf({ sessionId, state }: TransactionSession, index: number): BatchSignResponse['signedOps'][number] {
  if (state.status === 'failed') throw new WireError('TRANSACTION_REJECTED', `operation ${index}: ${state.reason}`)
  if (state.status === 'expired' || state.status === 'prepared') throw expired()
  return { index, sessionId, txHash: state.txHash, signedTx: state.raw }
}
