import type { Log } from '@tandem/service'
import { deliverOutbox } from './audit/audit-outbox.ts'
import { finishRetirements } from './keys/retire.ts'
import { abortOldStages } from './keys/stage-expire.ts'
import type { Stores } from './stores.ts'

type Swept = Pick<Stores, 'parties' | 'presignatures' | 'now'>

/** Expired documents are absent from the first moment; this is how soon their bytes go too. */
const EVERY_MS = 60_000

/**
 * Erases expired documents now and then: spent tokens, old sessions, and the sealed shares of keys nobody committed. Brings
 * audit lines that a crash has left behind into their chains, erases what is left of dead epochs, and aborts old stages.
 *
 * @returns how to stop
 *
 * Source: docs/spec/storage.md 1.5.
 */
export function sweepExpired(stores: Swept, log: Log, everyMs = EVERY_MS): () => void {
  const timer = setInterval(() => void sweepOnce(stores, log), everyMs)
  timer.unref()
  return () => clearInterval(timer)
}

/**
 * One round of {@link sweepExpired}. What fails is logged and left to the next, and keeps nothing else from being done.
 *
 * @returns what has failed
 */
export async function sweepOnce(stores: Swept, log: Log): Promise<readonly string[]> {
  const jobs = {
    outbox: async () => deliverOutbox(stores),
    retirements: async () => finishRetirements(stores),
    stages: async () => abortOldStages(stores),
    parties: async () => stores.parties.sweep(),
    presignatures: async () => stores.presignatures.sweep(),
  }
  const failed: string[] = []
  for (const [job, act] of Object.entries(jobs)) {
    await act().catch((cause: unknown) => {
      log.warn({ event: 'sweep.failed', job, cause })
      failed.push(job)
    })
  }
  return failed
}
