import type { Log } from './log.ts'

/** The work a process has under way, and the way to its end. */
export type Drain = {
  readonly draining: () => boolean
  /** counts `work` until it settles; answers `work` */
  readonly track: <T>(work: Promise<T>) => Promise<T>
  /** From now on `draining()`. Answers when all work has settled (`idle`) or `capMs` have passed (`capped`). */
  readonly drain: (capMs: number) => Promise<'idle' | 'capped'>
}

export function createDrain(): Drain {
  const running = new Set<Promise<unknown>>()
  let draining = false
  return {
    draining: () => draining,
    track: (work) => {
      running.add(work)
      const done = () => void running.delete(work)
      work.then(done, done)
      return work
    },
    drain: async (capMs) => {
      draining = true
      const cap = new AbortController()
      const capped = after(capMs, cap.signal).then(() => 'capped' as const)
      const idle = settled(running, cap.signal).then(() => 'idle' as const)
      const outcome = await Promise.race([idle, capped])
      cap.abort()
      return outcome
    },
  }
}

/** Work may start more work while it ends. */
async function settled(running: ReadonlySet<Promise<unknown>>, stop: AbortSignal): Promise<void> {
  while (running.size > 0 && !stop.aborted) await Promise.allSettled(running)
}

function after(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    stop.addEventListener('abort', () => clearTimeout(timer), { once: true })
  })
}

/**
 * Runs `stop` at the first SIGTERM or SIGINT and ends the process: 0 if it succeeded, 1 if it failed. A second signal
 * ends it at once.
 */
export function onTermination(stop: () => Promise<void>, log: Log): void {
  let stopping = false
  const end = (signal: string) => {
    if (stopping) process.exit(1)
    stopping = true
    log.info({ event: 'stopping', signal })
    stop().then(
      () => process.exit(0),
      (cause: unknown) => {
        log.error({ event: 'stop.failed', cause })
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
}
