import type { BatchOperationStatus, BatchResponse } from '@tandem/wire'
import type { Batch } from '../ports/batches.ts'
import type { TransactionSession } from '../ports/sessions.ts'

/** What stopped a batch on its way to the chain, at one of its operations. */
export type Stop = { readonly index: number; readonly code: string; readonly details?: string | undefined }

/** Every operation of a batch, and where it is as far as we know. Amounts and calldata are in its session. */
export function viewOf(
  batch: Batch,
  sessions: readonly TransactionSession[],
  { now, stop }: { readonly now: number; readonly stop?: Stop | undefined },
): BatchResponse {
  const { batchId, profileId, chainId, expiresAt, operations } = batch
  const views = sessions.map((session, index): BatchOperationStatus => {
    const { sessionId, state } = session
    const late = state.status === 'prepared' && expiresAt * 1000 <= now
    const error = stop?.index === index ? errorOf(stop) : failureOf(batch, session)
    return {
      index,
      operation: operations[index]?.operation ?? index,
      sessionId,
      status: late ? 'expired' : state.status,
      ...('txHash' in state ? { txHash: state.txHash } : {}),
      ...(error === undefined ? {} : { error }),
    }
  })
  return { batchId, profileId, chainId, expiresAt, operations: views }
}

function failureOf({ failure }: Batch, { state }: TransactionSession): BatchOperationStatus['error'] {
  if (state.status === 'failed') return errorOf({ code: 'TRANSACTION_REJECTED', details: state.reason })
  if (state.status === 'expired') return errorOf(failure ?? { code: 'SESSION_CONSUMED' })
  return undefined
}

function errorOf({ code, details }: { readonly code: string; readonly details?: string | undefined }) {
  return { code, ...(details === undefined ? {} : { details: details.slice(0, 256) }) }
}
