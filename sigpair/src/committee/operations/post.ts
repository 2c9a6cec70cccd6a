import { setTimeout as sleep } from 'node:timers/promises'
import { PeerUnreachable, type Network, type NodeName } from '../network.ts'
import type { SignedMessage } from './evidence.ts'
import { encodeNote, encodeRound, type Note } from './messages.ts'

/** How a node speaks. It hears its own broadcasts, and what it sends to itself, like everybody's. */
export type Post = {
  readonly broadcast: (note: Note) => void
  /** Nobody is told when it is lost: whoever needs an answer asks again. */
  readonly tell: (to: NodeName, note: Note) => void
  /** @throws {PeerUnreachable} */
  readonly round: (to: NodeName, session: string, signed: SignedMessage) => Promise<void>
}

export type Heard = (from: NodeName, note: Note) => void

export function openPost(network: Network, heard: Heard): Post {
  const self = (note: Note) => void setImmediate(() => heard(network.self, note))
  return {
    broadcast(note) {
      self(note)
      network.broadcast(encodeNote(note)).catch(() => {})
    },
    tell(to, note) {
      if (to === network.self) self(note)
      else network.send(to, encodeNote(note)).catch(() => {})
    },
    async round(to, session, signed) {
      if (to === network.self) throw new PeerUnreachable(to)
      await network.send(to, encodeRound(session, signed))
    },
  }
}

/** The longest pause between two sendings, in first pauses. */
const LONGEST = 8

/** Says it now, after `everyMs`, and after pauses half as long again each time, until `signal` is aborted or `ms` are over. */
export async function repeat(
  say: () => void,
  { everyMs, ms, signal }: { readonly everyMs: number; readonly ms: number; readonly signal: AbortSignal },
): Promise<void> {
  let pause = everyMs
  for (
    let passed = 0;
    passed < ms && !signal.aborted;
    passed += pause, pause = Math.min(1.5 * pause, LONGEST * everyMs)
  ) {
    say()
    await sleep(pause, undefined, { signal }).catch(() => {})
  }
}
