import { setImmediate } from 'node:timers/promises'
import { type Channel, type Message, type PartyIndex, type Protocol, run } from '@tandem/rounds'

/**
 * Runs every party's side of a protocol in this process, each to its output, over queues in memory. Nothing is made durable: what
 * comes out is used once and forgotten.
 *
 * @returns outputs in the order of the parties
 * @throws {ProtocolAbort} of the first party that fails; the others are stopped
 */
export async function runTogether<Out>(parties: ReadonlyMap<PartyIndex, Protocol<Out>>): Promise<Out[]> {
  const stopped = new AbortController()
  const channelOf = wires()
  const sides = [...parties].map(async ([party, protocol]) => {
    try {
      return await run(protocol, {
        channel: channelOf(party),
        record: async () => undefined,
        breathe: async () => setImmediate(),
        after: () => () => undefined,
        roundMs: Number.POSITIVE_INFINITY,
        signal: stopped.signal,
      })
    } catch (failure) {
      stopped.abort()
      throw failure
    }
  })
  return Promise.all(sides)
}

/** One queue for every direction. */
function wires(): (self: PartyIndex) => Channel {
  const queues = new Map<string, Message[]>()
  const readers = new Map<string, (message: Message) => void>()
  return (self) => ({
    send: async (message) => {
      const wire = `${self} to ${message.to}`
      const reader = readers.get(wire)
      readers.delete(wire)
      if (reader) reader(message)
      else queues.set(wire, [...(queues.get(wire) ?? []), message])
    },
    receive: async (from, signal) => {
      const wire = `${from} to ${self}`
      const early = queues.get(wire)?.shift()
      if (early) return early
      return new Promise((resolve, reject) => {
        readers.set(wire, resolve)
        signal.addEventListener('abort', () => {
          reject(new Error('the other side has stopped'))
        })
      })
    },
  })
}
