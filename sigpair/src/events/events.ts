import { randomBytes } from 'node:crypto'
import { type Doc, type Ref, ref, type Transaction } from '@tandem/store'
import {
  type AcknowledgeEventsRequest,
  type EventsResponse,
  type KeyEvent,
  type KeyEventType,
  type KeyStatus,
  toHex,
} from '@tandem/wire'
import type { PairName, Stores } from '../stores.ts'

/** parties/events/{keyId}:{seq}: written with what it tells of, erased when duo-node has taken it over. */
export type EventRecord = KeyEvent

/** parties/event-heads/{keyId}: the last `seq`. */
export type EventHead = { readonly seq: number }

/** What there is to tell of a key. */
export type Happened = {
  readonly type: KeyEventType
  readonly keyId: string
  readonly owner: string
  readonly epoch: number
  readonly status: KeyStatus
  /** 33 bytes as hex */
  readonly publicKey: string
}

const EVENTS = 'events'

/** Of one key there are never so many that nobody has acknowledged; if there are, the next acknowledgement goes on. */
const PAGE = 100

/** Sixteen digits hold every safe integer, and make the order of ids the order of numbers. */
const eventAt = (keyId: string, seq: number): Ref<EventRecord> =>
  ref(EVENTS, `${keyId.toLowerCase()}:${String(seq).padStart(16, '0')}`)

const headAt = (keyId: string): Ref<EventHead> => ref('event-heads', keyId.toLowerCase())

/** The clock has passed a head that is this old: nothing is lost with it. */
const HEAD_MS = 24 * 3_600_000

/** Where a key's events have come to; read before the transaction writes anything. */
export type EventCursor = { readonly keyId: string; readonly head: Doc<EventHead> | undefined }

export async function readEventCursor(tx: Transaction, keyId: string): Promise<EventCursor> {
  return { keyId, head: await tx.get(headAt(keyId)) }
}

/**
 * Writes down what this transaction does to a key: with it, or not at all. One event per cursor. `seq` is the clock, or one
 * more than the last where the clock has not moved: a restored database goes on above what it has forgotten.
 *
 * Source: docs/spec/events.md 2.
 */
export function writeEvent(tx: Transaction, { keyId, head }: EventCursor, happened: Happened, now: number): void {
  const seq = Math.max((head?.data.seq ?? 0) + 1, now)
  const { type, owner, epoch, status, publicKey } = happened
  const id = `evt_${randomBytes(16).toString('base64url')}`
  const data = { keyId: keyId.toLowerCase(), owner, seq, epoch, status, publicKey }
  tx.create(eventAt(keyId, seq), { id, type, timestamp: new Date(now).toISOString(), data })
  const options = { expireAt: now + HEAD_MS }
  if (head) tx.update(headAt(keyId), { seq }, options)
  else tx.create(headAt(keyId), { seq }, options)
}

/**
 * Events nobody has acknowledged: of each key from the oldest, keys in the order of their ids.
 *
 * @param page `after` is `next` of the page before
 */
export async function listEvents(
  { parties }: Pick<Stores, 'parties'>,
  page: { readonly after?: string | undefined; readonly limit: number },
): Promise<EventsResponse> {
  const { after, limit } = page
  const { docs, next } = await parties.list<EventRecord>(EVENTS, { limit, ...(after === undefined ? {} : { after }) })
  return { events: docs.map(({ data }) => data), ...(next === undefined ? {} : { next }) }
}

/** Somebody else has made these durable, or delivered them: they are erased here. Repeatable. */
export async function acknowledgeEvents(
  { parties }: Pick<Stores, 'parties'>,
  { events }: AcknowledgeEventsRequest,
): Promise<void> {
  await Promise.all(events.map(({ keyId, seq }) => parties.delete(eventAt(keyId, seq))))
}

/**
 * The same where other members of a committee tell of the same things, each by its own clock: erased is what they acknowledged
 * and what came before it here. What is left when a clock is ahead goes with the next. Repeatable.
 *
 * Source: docs/spec/gateway.md 4.8.
 */
export async function acknowledgeEventsUpTo(
  { parties }: Pick<Stores, 'parties'>,
  { events }: AcknowledgeEventsRequest,
): Promise<void> {
  for (const { keyId, seq } of events) {
    const { docs } = await parties.list<EventRecord>(EVENTS, { after: `${keyId.toLowerCase()}:`, limit: PAGE })
    const told = docs.filter(({ data: { data } }) => data.keyId === keyId.toLowerCase() && data.seq <= seq)
    await Promise.all(told.map(({ data: { data } }) => parties.delete(eventAt(keyId, data.seq))))
  }
}

/** presignatures/pair-events/{keyId}:{ssid hex}:{random}: a pair has stopped. Carried over to `parties`, then erased. */
export type PairEventRecord = { readonly keyId: string }

export const PAIR_EVENTS = 'pair-events'

/** Never in the way of the transaction that stops the pair: it reads nothing, and its id is new each time. */
export function notePairStopped(tx: Transaction, { keyId, ssid }: PairName): void {
  const id = `${keyId.toLowerCase()}:${toHex(ssid)}:${randomBytes(16).toString('hex')}`
  tx.create(ref<PairEventRecord>(PAIR_EVENTS, id), { keyId })
}
