/** One line of the result. The names are fixed: others compare them across runs. */
export type Row = { readonly name: string; readonly value: number; readonly unit: 'ms' | 'bytes' }

export type Runs = { readonly warmUp: number; readonly timed: number }

/** The median of the times of `act`, in milliseconds: a busy machine only ever makes a run slower. */
export function medianMs({ warmUp, timed }: Runs, act: () => void): number {
  for (let i = 0; i < warmUp; i++) act()
  return median(
    Array.from({ length: timed }, () => {
      const start = performance.now()
      act()
      return performance.now() - start
    }),
  )
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >>> 1]!
}

/** To standard error: standard output is the result. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}
