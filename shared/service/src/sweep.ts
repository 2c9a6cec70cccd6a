import type { Store } from '@tandem/store'
import type { Log } from './log.ts'

/** Expired documents are absent from the first moment; this is how soon their bytes go too. */
const EVERY_MS = 60_000

/**
 * Erases expired documents now and then, where the engine does not do that by itself.
 *
 * @returns how to stop
 */
export function sweepEvery(store: Pick<Store, 'sweep'>, log: Log, everyMs = EVERY_MS): () => void {
  const sweep = () => void store.sweep().catch((cause: unknown) => log.warn({ event: 'sweep.failed', cause }))
  const timer = setInterval(sweep, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}
