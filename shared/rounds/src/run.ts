import { ProtocolAbort } from './errors.ts'
import type { PartyIndex } from './ids.ts'
import type { Exchange, Inbox, JournalEntry, Message, Protocol } from './protocol.ts'

/** How messages travel. Authenticity and secrecy are the channel's: `from` is a fact, not a claim. */
export interface Channel {
  /** Resolves when the message is handed to the network. */
  send(message: Message): Promise<void>
  /** The next message of this peer, in order. Messages that come early wait, within the channel's bound. */
  receive(from: PartyIndex, signal: AbortSignal): Promise<Message>
}

/** What one party lends to a run besides its channel. */
export type RunHost = {
  readonly channel: Channel
  /** Resolves when the entry is durable; a rejection ends the run and nothing more is sent. */
  readonly record: (entry: JournalEntry) => Promise<void>
  /** Lets other work have the event loop. */
  readonly breathe: () => Promise<void>
  /** Calls `act` after `ms` unless the returned function is called before. */
  readonly after: (ms: number, act: () => void) => () => void
  /** A silent peer ends the run after this long in one round. */
  readonly roundMs: number
  readonly signal: AbortSignal
}

/**
 * Runs one party's side of a protocol to its output.
 *
 * @throws {ProtocolAbort} `SILENT_PEER` names the round and who was silent; `MISMATCH` and `MALFORMED` are found here,
 *         before the protocol sees a byte; every other code comes from the protocol's own checks
 */
export async function run<Out>(protocol: Protocol<Out>, host: RunHost): Promise<Out> {
  try {
    let step = protocol.next()
    while (!step.done) {
      const { value } = step
      if (value.step === 'exchange') step = protocol.next(await talk(value, host))
      else {
        if (value.step === 'journal') await host.record(value.entry)
        else await host.breathe()
        step = protocol.next(new Map())
      }
    }
    return step.value
  } finally {
    // One shot: whatever happened, this state never sees another byte.
    protocol.return(undefined as never) // check S20
  }
}

async function talk(exchange: Exchange, host: RunHost): Promise<Inbox> {
  const { header, self, send, expect } = exchange
  for (const [to, body] of send) await host.channel.send({ ...header, from: self, to, body })
  if (expect.size === 0) return new Map()

  const silent = new Set(expect.keys())
  const overdue = new AbortController()
  const giveUp = () => {
    overdue.abort()
  }
  const cancel = host.after(host.roundMs, giveUp)
  host.signal.addEventListener('abort', giveUp, { once: true })
  if (host.signal.aborted) giveUp()
  try {
    const inbox = new Map<PartyIndex, Uint8Array>()
    const listen = async ([from, bytes]: [PartyIndex, number]) => {
      const message = await host.channel.receive(from, overdue.signal)
      silent.delete(from)
      inbox.set(from, checked(message, exchange, from, bytes))
    }
    await Promise.all([...expect].map(listen))
    return inbox
  } catch (cause) {
    if (cause instanceof ProtocolAbort) throw cause
    if (host.signal.aborted) throw new ProtocolAbort('CANCELLED', header.round, [...silent])
    if (overdue.signal.aborted) throw new ProtocolAbort('SILENT_PEER', header.round, [...silent])
    throw cause
  } finally {
    cancel()
    host.signal.removeEventListener('abort', giveUp)
  }
}

/** A header of another run is benign: honest parties that disagree must not ban each other. Spec: frames. */
function checked(message: Message, { header, self }: Exchange, from: PartyIndex, bytes: number): Uint8Array {
  const same =
    message.protocol === header.protocol &&
    message.round === header.round &&
    message.epoch === header.epoch &&
    message.from === from && // check K16
    message.to === self &&
    message.sid.length === header.sid.length &&
    message.sid.every((b, i) => b === header.sid[i])
  if (!same) throw new ProtocolAbort('MISMATCH', header.round) // check K1 K14
  if (message.body.length !== bytes) throw new ProtocolAbort('MALFORMED', header.round, [from]) // check S4 K3 K13
  return message.body
}
