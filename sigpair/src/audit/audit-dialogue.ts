import { WireError } from '@tandem/wire'
import { type Attempt, recordDenied } from './audit-denied.ts'
import { writeAudit } from './audit.ts'
import type { Operation } from '../dialogue/operation.ts'
import type { Stores } from '../stores.ts'

/** Ends of a dialogue that have their line from {@link watched}. */
const TOLD: readonly string[] = ['PROTOCOL_ABORTED', 'MPC_SIGNING_FAILED']

/**
 * The operation, with a line for its abort. The verdict is in it and the cause is not: whoever reads the log is the peer, and
 * the peer must not learn which check he failed.
 *
 * Source: docs/spec/audit.md 1.5; abort.md 1.2.
 */
export function watched(stores: Stores, { method, keyId, owner }: Attempt, operation: Operation): Operation {
  let settled = false
  return {
    ...operation,
    aborted: async (abort) => {
      // Called again when it fails: a strike must not count twice because its line was late.
      if (!settled) await operation.aborted(abort)
      settled = true
      const { verdict } = abort
      await writeAudit(stores, keyId, { method, owner, code: 'PROTOCOL_ABORTED', metadata: { verdict } })
    },
  }
}

/** Waits for a dialogue's end; a refusal in the middle of it leaves its line before the device hears of it. */
export async function talk(stores: Stores, attempt: Attempt, dialogue: Promise<void>): Promise<void> {
  try {
    await dialogue
  } catch (error) {
    if (error instanceof WireError && !TOLD.includes(error.code)) await recordDenied(stores, attempt, error)
    throw error
  }
}
