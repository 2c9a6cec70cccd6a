/** One line of the result. The names are fixed: others compare them across runs. */
export type Row = {
  readonly name: string
  readonly value: number
  readonly unit: 'ms' | 'bytes' | 'per s' | 'KiB' | '×'
}

/** The thread's clock may tick in steps of some milliseconds. */
const BATCH_MS = 200
const BATCHES = 7

/**
 * What `act` takes, in milliseconds of this thread: on an idle machine the same as the clock's, on a busy one without the
 * time others had the processor. The median of seven batches, each long enough for a coarse clock, after one that warms up.
 */
export function medianMs(act: () => void): number {
  const repeats = Math.max(1, Math.round(BATCH_MS / wallMs(act)))
  const batch = () => {
    const start = threadMs()
    for (let i = 0; i < repeats; i++) act()
    return (threadMs() - start) / repeats
  }
  batch()
  return median(Array.from({ length: BATCHES }, batch))
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >>> 1]!
}

/** The smallest value that at least `p` percent do not exceed. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.ceil((p / 100) * sorted.length) - 1]!
}

/** To standard error: standard output is the result. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** A first guess, with the compiler warm. */
function wallMs(act: () => void): number {
  act()
  const start = performance.now()
  let runs = 0
  do {
    act()
    runs++
  } while (performance.now() - start < BATCH_MS)
  return (performance.now() - start) / runs
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
