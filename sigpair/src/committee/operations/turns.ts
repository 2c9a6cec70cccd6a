/** Lets so many act at a time; the others wait, in the order in which they came. */
export type Turns = <T>(act: () => Promise<T>) => Promise<T>

export function openTurns(most: number): Turns {
  const waiting: (() => void)[] = []
  let acting = 0
  return async (act) => {
    if (acting < most) acting++
    else await new Promise<void>((go) => void waiting.push(go))
    try {
      return await act()
    } finally {
      // The turn goes on to the next; it is nobody's in between.
      const next = waiting.shift()
      if (next) next()
      else acting--
    }
  }
}
