import type { BatchResponse } from '@tandem/wire'
import type { Api } from '../api.ts'
import { TandemError } from '../errors.ts'
import type { Payments } from './payments.ts'

/**
 * Ends the batches the app died in: one of which anything was sent is sent to its end, any other is given up and frees its
 * nonces. Nothing is signed here.
 *
 * @param batches their journal
 *
 * Source: docs/spec/flows.md 15.6.
 */
export async function settleBatches(api: Api, batches: Payments): Promise<BatchResponse[]> {
  const settled: BatchResponse[] = []
  for (const batchId of await batches.unfinished()) {
    const batch = await settleBatch(api, batchId)
    if (isOver(batch)) await batches.end(batchId)
    if (batch !== undefined) settled.push(batch)
  }
  return settled
}

/** After a failure. Without an answer to this either, the batch stays unfinished. */
export async function afterBatchFailure(api: Api, batches: Payments, batchId: string): Promise<void> {
  try {
    if (isOver(await settleBatch(api, batchId))) return await batches.end(batchId)
  } catch {
    // Whoever settles later hears why.
  }
  batches.leave(batchId)
}

/** Nothing of it waits to be sent. */
function isOver(batch: BatchResponse | undefined): boolean {
  return batch === undefined || batch.operations.every(({ status }) => status !== 'prepared' && status !== 'signed')
}

/** @returns where it is now; undefined if it was forgotten */
async function settleBatch(api: Api, batchId: string): Promise<BatchResponse | undefined> {
  const given = await unless(['NOT_FOUND', 'SESSION_CONSUMED'], api.cancelBatch(batchId))
  if (!(given instanceof TandemError)) return given
  if (given.code === 'NOT_FOUND') return undefined
  // Sent, or signed at Sigpair and its answer lost: then it is fetched, and given up like any other.
  await unless(['MPC_SIGNING_FAILED', 'SESSION_CONSUMED', 'TRANSACTION_REJECTED'], api.signBatch({ batchId }))
  const again = await unless(['SESSION_CONSUMED'], api.cancelBatch(batchId))
  return again instanceof TandemError ? api.executeBatch(batchId) : again
}

/** The answer, or the error if it is one of these. */
async function unless<T>(codes: readonly TandemError['code'][], answer: Promise<T>): Promise<T | TandemError> {
  return answer.catch((error: unknown) => {
    if (error instanceof TandemError && codes.includes(error.code)) return error
    throw error
  })
}
