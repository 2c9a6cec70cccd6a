import { UsageError } from './errors.ts'
import type { Protocol } from './protocol.ts'

/**
 * Runs a computation that only pauses: long work without a peer.
 *
 * @param breathe lets other work have the event loop
 * @throws {UsageError} if it wants to talk to somebody or to store something: that is {@link run}'s
 */
export async function runAlone<Out>(protocol: Protocol<Out>, breathe: () => Promise<void>): Promise<Out> {
  try {
    for (let step = protocol.next(); ; step = protocol.next(new Map())) {
      if (step.done) return step.value
      if (step.value.step !== 'pause') throw new UsageError('this protocol needs a peer or a store')
      await breathe()
    }
  } finally {
    protocol.return(undefined as never)
  }
}
