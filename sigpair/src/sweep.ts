import type { Log } from '@tandem/service'
import type { Stores } from './stores.ts'

/** Expired documents are absent from the first moment; this is how soon their bytes go too. */
const EVERY_MS = 60_000

/**
 * Erases expired documents now and then: spent tokens, old sessions, and the sealed shares of keys nobody committed.
 *
 * @returns how to stop
 *
 * Source: docs/spec/storage.md 1.5.
 */
export function sweepExpired(
  stores: Pick<Stores, 'parties' | 'presignatures'>,
  log: Log,
  everyMs = EVERY_MS,
): () => void {
  const timer = setInterval(() => void sweep(stores, log), everyMs)
  timer.unref()
  return () => clearInterval(timer)
}

async function sweep({ parties, presignatures }: Pick<Stores, 'parties' | 'presignatures'>, log: Log): Promise<void> {
  try {
    await parties.sweep()
    await presignatures.sweep()
  } catch (cause) {
    log.warn({ event: 'sweep.failed', cause })
  }
}
