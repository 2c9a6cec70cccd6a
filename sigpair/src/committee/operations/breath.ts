/** Resolves when it is the turn of whoever computes to go on. */
export type Breathe = () => Promise<void>

/**
 * In each turn of the event loop one of those who wait goes on, in the order in which they came: between any two slices of
 * arithmetic, however many sessions run, what came in is heard.
 *
 * Source: docs/spec/committee.md 6.6.
 */
export function openBreath(): Breathe {
  const waiting: (() => void)[] = []
  const turn = () => {
    waiting.shift()?.()
    if (waiting.length > 0) setImmediate(turn)
  }
  return () =>
    new Promise((resolve) => {
      if (waiting.push(resolve) === 1) setImmediate(turn)
    })
}
