import type { Caller } from '@tandem/service'
import { type BatchResponse, limits, WireError } from '@tandem/wire'
import { abandon, type AbandonDeps } from '../batch/abandon.ts'
import { type Stop, viewOf } from '../batch/view.ts'
import type { Batch } from '../ports/batches.ts'
import type { TransactionSession } from '../ports/sessions.ts'
import { send, type SubmitDeps } from '../submit.ts'

export type BatchExecuteDeps = Pick<SubmitDeps, 'advance' | 'broadcast' | 'freeNonce' | 'exclusively'> &
  Pick<AbandonDeps, 'advanceAll' | 'freeNonces'> & {
    readonly requireBatch: (owner: string, batchId: string) => Promise<Batch>
    readonly markExecuting: (batch: Batch) => Promise<void>
    readonly sessionsOf: (batch: Batch) => Promise<readonly TransactionSession[]>
    /** ms since 1970 */
    readonly now: () => number
  }

/** After this the rest waits for the next call: the caller hears in time how far it came. */
const SENDING_MS = limits.INTERNAL_CALL_MS - 5_000

/**
 * POST /api/v1/batch/:batchId/execute: hands a signed batch to the chain in its order. It stops at the first transaction that
 * is not taken: one that is refused takes those behind it along, for the chain would never mine them. A repetition goes on
 * where it stopped. Spec: docs/spec/flows.md, 15.5.
 */
export const batchExecute =
  (deps: BatchExecuteDeps) =>
  async (caller: Caller, batchId: string): Promise<BatchResponse> =>
    deps.exclusively(batchId, async () => {
      const batch = await deps.requireBatch(caller.sub, batchId)
      const sessions = await deps.sessionsOf(batch)
      const unsigned = sessions.findIndex(({ state }) => state.status === 'prepared' || state.status === 'expired')
      if (unsigned >= 0) throw new WireError('SESSION_CONSUMED', `operation ${unsigned}: is not signed`)

      await deps.markExecuting(batch)
      const stop = await sendAll(deps, batch, sessions)
      return viewOf(batch, await deps.sessionsOf(batch), { now: deps.now(), stop })
    })

async function sendAll(
  deps: BatchExecuteDeps,
  batch: Batch,
  sessions: readonly TransactionSession[],
): Promise<Stop | undefined> {
  const deadline = deps.now() + SENDING_MS
  for (const [index, session] of sessions.entries()) {
    const { state } = session
    if (state.status === 'submitted') continue
    if (state.status === 'signed' && deps.now() >= deadline) return { index, code: 'REQUEST_IN_PROGRESS' }
    const error = state.status === 'signed' ? await sendOne(deps, session, state) : undefined
    if (state.status === 'signed' && error === undefined) continue
    if (error !== undefined && error.code !== 'TRANSACTION_REJECTED') return { index, ...error }

    await abandon(deps, batch, sessions.slice(index + 1), `operation ${index} was refused`)
    return undefined
  }
  return undefined
}

/** @returns why it was not taken, if it was not */
async function sendOne(
  deps: BatchExecuteDeps,
  session: TransactionSession,
  signed: { readonly raw: string; readonly txHash: string },
): Promise<{ readonly code: string; readonly details?: string | undefined } | undefined> {
  try {
    await send(deps, session, signed)
    return undefined
  } catch (cause) {
    if (cause instanceof WireError) return { code: cause.code, details: cause.details }
    throw cause
  }
}
