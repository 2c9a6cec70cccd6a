import type { Account } from './ports/nonces.ts'
import type { Ports } from './ports.ts'
import type { Batch } from './ports/batches.ts'
import { newBatchId } from './ports/batches.ts'
import { newSessionId } from './ports/sessions.ts'
import type { BuildOperations } from './batch/builder.ts'
import { cancelBatch, getBatch } from './http/batch.ts'
import { batchExecute } from './http/batch-execute.ts'
import { type BatchOperationsDeps, batchOperations } from './http/batch-operations.ts'
import { batchSign } from './http/batch-sign.ts'
import type { PrepareTransactionDeps } from './http/prepare-transaction.ts'
import type { SubmitDeps } from './submit.ts'

/** What a batch shares with a payment of its own. */
type Shared = {
  readonly preparing: PrepareTransactionDeps
  readonly submitting: SubmitDeps
}

/** The endpoints of batches. Source: docs/spec/flows.md, section 15. */
export function connectBatch(ports: Ports, { preparing, submitting }: Shared) {
  const { sigpair, sessions, batches, nonces, chainOf, exclusively, now } = ports
  const sessionsOf = ({ owner, operations }: Batch) =>
    Promise.all(operations.map(({ sessionId }) => sessions.requireTransaction(owner, sessionId)))
  const common = {
    requireBatch: batches.require,
    sessionsOf,
    exclusively,
    failBatch: batches.fail,
    advanceAll: sessions.advanceAll,
    freeNonces: (account: Account, sessionIds: readonly string[]) => nonces.free(account, ...sessionIds),
    now,
  }
  return {
    batchOperations: batchOperations({ ...operationsDeps(ports, preparing), freeNonces: common.freeNonces }),
    batchSign: batchSign({
      ...common,
      pinNonces: (account, sessionIds) => nonces.pin(account, ...sessionIds),
      completeBatch: sigpair.completeBatch,
      requireTwoFactor: ports.requireTwoFactor,
      markProven: batches.markProven,
      assemble: submitting.assemble,
    }),
    batchExecute: batchExecute({ ...submitting, ...common, markExecuting: batches.markExecuting }),
    getBatch: getBatch({
      ...common,
      receiptOf: async (chainId, txHash) => (await chainOf(chainId)).receiptOf(txHash),
    }),
    cancelBatch: cancelBatch({
      ...common,
      cancelBatch: (caller, { batchId, keyId }) => sigpair.cancelBatch(caller, batchId, { keyId }),
    }),
  }
}

function operationsDeps(
  { sigpair, sessions, batches, nonces, chainOf, builder, now }: Ports,
  { requireProfile, walletAddress, settleOverdue, digestOf }: PrepareTransactionDeps,
): Omit<BatchOperationsDeps, 'freeNonces'> {
  return {
    ...{ requireProfile, walletAddress, settleOverdue, digestOf },
    buildOperations: async (request) => (await builderOf(builder))(request),
    completeBatch: async (account, built) => {
      const { completeBatch } = await import('./batch/gas.ts')
      return completeBatch(await chainOf(account.chainId), account, built)
    },
    reserveNonces: (account, wanted) =>
      nonces.reserveAll(account, wanted, async () => (await chainOf(account.chainId)).countsOf(account.address)),
    openBatch: sigpair.openBatch,
    createSessions: sessions.createAll,
    createBatch: batches.create,
    newSessionId,
    newBatchId,
    now,
  }
}

/** Loaded by the first batch: it brings the encoder. */
async function builderOf({ routers, orbyUrl }: Ports['builder']): Promise<BuildOperations> {
  const { localBuilder } = await import('./batch/local-builder.ts')
  const local = localBuilder(routers)
  if (orbyUrl === undefined) return local
  const { orbyBuilder } = await import('./batch/orby-builder.ts')
  return orbyBuilder(orbyUrl, local)
}
