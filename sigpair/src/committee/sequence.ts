import type { NodeName } from './network.ts'

/**
 * Sequences of broadcasts are µs since 1970 on the sender's clock, so that they rise across its restarts; each is used
 * once. Source: docs/spec/committee.md, 2.3.
 */
const MICROS = 1_000n

/** A broadcast that is older is no news to anybody: commands expire, and are repeated every 250 ms until then. */
export const WINDOW_MS = 60_000

/** Clocks of nodes may differ by this much. */
export const SKEW_MS = 300_000

/** Remembered per sender: a node sends a few each second. */
const MAX_REMEMBERED = 4_096

/** The sequence of each broadcast of one process. */
export function broadcastSequence(now: () => number): () => bigint {
  let last = 0n
  return () => {
    const clock = BigInt(now()) * MICROS
    last = clock > last ? clock : last + 1n
    return last
  }
}

/** Which broadcasts of each sender have been heard. */
export type HeardBroadcasts = {
  /** true once for each sequence; false for one that was heard, is too old, or comes from a clock far ahead */
  readonly isNews: (from: NodeName, sequence: bigint) => boolean
}

type Heard = { floor: bigint; highest: bigint; readonly seen: Set<bigint> }

/** What was sent more than {@link SKEW_MS} before this node started is a replay. */
export function heardBroadcasts(now: () => number): HeardBroadcasts {
  const heard = new Map<NodeName, Heard>()
  const started = BigInt(now() - SKEW_MS) * MICROS
  return {
    isNews: (from, sequence) => {
      if (sequence > BigInt(now() + SKEW_MS) * MICROS) return false
      const of = heard.get(from) ?? { floor: started, highest: started, seen: new Set<bigint>() }
      heard.set(from, of)
      if (sequence <= of.floor || of.seen.has(sequence)) return false
      of.seen.add(sequence)
      if (sequence > of.highest) of.highest = sequence
      forget(of)
      return true
    },
  }
}

/** Raises the floor, below which everything counts as heard, so that what is remembered stays bounded. */
function forget(of: Heard): void {
  const { highest, seen } = of
  const window = highest - BigInt(WINDOW_MS) * MICROS
  if (window > of.floor) of.floor = window
  if (seen.size > MAX_REMEMBERED) of.floor = [...seen].toSorted(ascending)[seen.size - MAX_REMEMBERED / 2] ?? highest
  if (seen.size > MAX_REMEMBERED / 2) for (const sequence of seen) if (sequence <= of.floor) seen.delete(sequence)
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : 1
}
