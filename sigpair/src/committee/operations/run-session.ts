import type { Sharing } from '@tandem/ecdsa'
import { type Channel, type JournalEntry, type Protocol, ProtocolAbort, run } from '@tandem/rounds'
import { openCheck, passCheck } from '../../keys/pair-store.ts'
import { PeerUnreachable, type NodeName } from '../network.ts'
import { signMessage, verifyMessage } from './evidence.ts'
import type { Node } from './node.ts'
import { pairName } from './records.ts'
import type { Session } from './sessions.ts'

/** One run of a session. */
export type SessionRun = {
  /** who has which index in it: `places[index − 1]` */
  readonly places: readonly NodeName[]
  /** of the shares whose pairs it checks */
  readonly ssid: Uint8Array | undefined
  /** of the shares the run makes, or signs with */
  readonly sharing: Sharing
  /** makes a result durable */
  readonly store: (bytes: Uint8Array) => Promise<void>
}

/**
 * Arithmetic runs on this thread, in the slices that the protocols offer.
 *
 * @throws {ProtocolAbort} as the protocol does; `SILENT_PEER` also names a peer that cannot be reached
 */
export async function runIn<T>(node: Node, session: Session, protocol: Protocol<T>, of: SessionRun): Promise<T> {
  const { places, ssid, store } = of
  // Rehearsals number a part of those who take part, alike.
  if (places.length > session.progress.places.length) session.progress.places = places
  session.progress.waitingFor.clear()
  const record = async (entry: JournalEntry) => {
    if (entry.entry === 'store') return store(entry.bytes)
    const name = pairName(session.keyId, ssid ?? new Uint8Array(), places[entry.peer - 1] ?? '0x')
    await (entry.entry === 'open' ? openCheck : passCheck)(node.stores, name, entry.run)
  }
  return run(protocol, {
    channel: channelOf(node, session, of),
    record,
    breathe: node.breathe,
    after,
    roundMs: node.timing.roundMs,
    signal: session.cancel.signal,
  })
}

function channelOf(node: Node, session: Session, { places, sharing }: SessionRun): Channel {
  const { id, inbox, progress, seen } = session
  const placed = (place: number) => places[place - 1] ?? ''
  return {
    async send(message) {
      progress.round = message.round
      try {
        await node.post.round(placed(message.to), id, signMessage(node, message, sharing))
      } catch (cause) {
        if (!(cause instanceof PeerUnreachable)) throw cause
        throw new ProtocolAbort('SILENT_PEER', message.round, [message.to])
      }
    },
    async receive(from, signal) {
      progress.waitingFor.add(placed(from))
      const signed = await inbox.receive(placed(from), signal)
      progress.waitingFor.delete(placed(from))
      seen.push(verifyMessage(node, signed, { sharing, from, name: placed(from) }))
      return signed.message
    },
  }
}

function after(ms: number, act: () => void): () => void {
  const timer = setTimeout(act, ms)
  return () => clearTimeout(timer)
}
