import type { Protocol, Step } from '@tandem/rounds'

/** Runs what only pauses, to its result. @param steps gets what it yielded */
export function atOnce<Out>(protocol: Protocol<Out>, steps: Step[] = []): Out {
  for (;;) {
    const { done, value } = protocol.next(new Map())
    if (done) return value
    if (value.step !== 'pause') throw new Error(`a computation yielded ${value.step}`)
    steps.push(value)
  }
}
