import type { PartyIndex, SessionId } from './ids.ts'

/** Wire number of each protocol; part of the authenticated header of every message. Spec: frames. */
export const PROTOCOLS = {
  keygen: 1,
  sign: 2,
  presign: 3,
  refresh: 4,
  reshare: 5,
  export: 6,
  ecdh: 7,
  recover: 8,
} as const

export type ProtocolName = keyof typeof PROTOCOLS

/** What every message of a round says of itself, apart from who sends it to whom. */
export type RoundHeader = {
  readonly protocol: ProtocolName
  /** counted from 1 */
  readonly round: number
  readonly sid: SessionId
  readonly epoch: number
}

/** One message with its full header, as a channel carries it. */
export type Message = RoundHeader & {
  readonly from: PartyIndex
  readonly to: PartyIndex
  readonly body: Uint8Array
}

/** Send these bodies, then wait for bodies of exactly these lengths. Either side may be empty. */
export type Exchange = {
  readonly step: 'exchange'
  readonly header: RoundHeader
  readonly self: PartyIndex
  readonly send: ReadonlyMap<PartyIndex, Uint8Array>
  /** from whom, and how many bytes exactly: the length is checked before anything is parsed */
  readonly expect: ReadonlyMap<PartyIndex, number>
}

/**
 * Must be durable before the protocol goes on.
 *
 * - `open`: a check on a long-lived secret is about to be made with this peer; the run's id must be new.
 * - `pass`: that check held. A run that opened and never passed counts against the pair for ever.
 * - `store`: a result that must survive a crash before the next message leaves.
 */
export type JournalEntry =
  | { readonly entry: 'open' | 'pass'; readonly peer: PartyIndex; readonly run: SessionId }
  | { readonly entry: 'store'; readonly name: 'stage' | 'signature'; readonly bytes: Uint8Array }

export type Journal = { readonly step: 'journal'; readonly entry: JournalEntry }

/** A long computation offers the event loop to others. */
export type Pause = { readonly step: 'pause' }

export type Step = Exchange | Journal | Pause

/** The bodies an exchange brought, by sender. Empty for the other steps. */
export type Inbox = ReadonlyMap<PartyIndex, Uint8Array>

/**
 * A protocol, seen by one party: a generator that yields steps and is resumed with what they brought.
 * It knows no socket and no store. Its state cannot be serialised, so a run cannot be restored and replayed;
 * once it has thrown it is finished, so no check is ever evaluated twice on one state. Spec: session rules.
 */
export type Protocol<Out> = Generator<Step, Out, Inbox>

/** Sends `send` and returns what the peers of `expect` answered. */
export function* exchange(
  header: RoundHeader,
  self: PartyIndex,
  send: ReadonlyMap<PartyIndex, Uint8Array>,
  expect: ReadonlyMap<PartyIndex, number>,
): Protocol<Inbox> {
  return yield { step: 'exchange', header, self, send, expect }
}

/** Returns when the entry is durable. */
export function* journal(entry: JournalEntry): Protocol<void> {
  yield { step: 'journal', entry }
}

export function* pause(): Protocol<void> {
  yield { step: 'pause' }
}

/** The same body to, or the same length from, each of these parties. */
export function toEach<T>(parties: readonly PartyIndex[], value: T): ReadonlyMap<PartyIndex, T> {
  return new Map(parties.map((j) => [j, value]))
}
