import type { PartyIndex } from '@tandem/rounds'
import { split } from '../math/bytes.ts'
import { POINT_BYTES } from '../math/points.ts'
import { BASE_OT_REPLY_BYTES } from '../multiply/base-ot.ts'
import { ZERO_HALF_BYTES } from '../staging/pairing.ts'
import { publishedCount } from './reshare-dealing.ts'
import type { ReshareSession } from './reshare-session.ts'

// Rounds 1 and 2. What a body holds depends on who says it to whom: a dealer commits and deals, two new parties set up
// their pair. Every length follows from the setup. Source: docs/spec/reshare.md, section 2.

/** `com` of a dealer, else empty; `abot` between two new parties, else empty. */
export type ReshareRound1 = { readonly nonce: Uint8Array; readonly com: Uint8Array; readonly abot: Uint8Array }

/** `published` and `part` of a dealer, the rest between two new parties; what is not said is empty. */
export type ReshareRound2 = {
  readonly published: readonly Uint8Array[]
  readonly part: Uint8Array
  readonly zeroHalf: Uint8Array
  readonly reply: Uint8Array
}

/** zs ‖ base-OT reply: round 2 of a new party that does not deal */
export const PAIR_BYTES = ZERO_HALF_BYTES + BASE_OT_REPLY_BYTES

export function isNew({ next }: ReshareSession, place: PartyIndex): boolean {
  return place <= next.parties
}

function round1Lengths(session: ReshareSession, from: PartyIndex, to: PartyIndex) {
  const pair = isNew(session, from) && isNew(session, to)
  return [32, session.dealerAt.has(from) ? 32 : 0, pair ? POINT_BYTES : 0] as const
}

export function round1Bytes(session: ReshareSession, from: PartyIndex, to: PartyIndex): number {
  return total(round1Lengths(session, from, to))
}

export function parseRound1({ session, body, from }: Received): ReshareRound1 {
  const [nonce, com, abot] = split(body, ...round1Lengths(session, from, session.place))
  return { nonce, com, abot }
}

function round2Lengths(session: ReshareSession, from: PartyIndex, to: PartyIndex) {
  const deals = session.dealerAt.has(from)
  const joins = isNew(session, to)
  const pair = joins && isNew(session, from)
  const points = Array.from({ length: deals ? publishedCount(session.next) : 0 }, () => POINT_BYTES)
  return {
    points,
    rest: [deals && joins ? 32 : 0, pair ? ZERO_HALF_BYTES : 0, pair ? BASE_OT_REPLY_BYTES : 0] as const,
  }
}

/** Zero where nothing is said: by a new party that does not deal to a dealer that leaves. */
export function round2Bytes(session: ReshareSession, from: PartyIndex, to: PartyIndex): number {
  const { points, rest } = round2Lengths(session, from, to)
  return total(points) + total(rest)
}

export function parseRound2({ session, body, from }: Received): ReshareRound2 {
  const { points, rest } = round2Lengths(session, from, session.place)
  const head = total(points)
  const [part, zeroHalf, reply] = split(body.subarray(head), ...rest)
  return { published: split(body.subarray(0, head), ...points), part, zeroHalf, reply }
}

/** A body of the right length: that was checked before it came here. */
export type Received = { readonly session: ReshareSession; readonly from: PartyIndex; readonly body: Uint8Array }

function total(lengths: readonly number[]): number {
  return lengths.reduce((sum, n) => sum + n, 0)
}
