import type { PartyIndex } from '@tandem/rounds'
import { split } from '../math/bytes.ts'
import { POINT_BYTES } from '../math/points.ts'
import { BASE_OT_REPLY_BYTES } from '../multiply/base-ot.ts'
import { PPRF_BYTES } from '../multiply/pprf.ts'
import { ZERO_HALF_BYTES } from './pairing.ts'

// One body per (round, peer): what everybody gets, then what this peer alone gets. Key generation and refresh differ in
// what opens a commitment and in nothing else. Source: docs/spec/keygen.md, docs/spec/refresh.md.

/** How long a body is, which is checked before anything is parsed, and what it says. */
export type Body<T> = { readonly bytes: number; readonly parse: (body: Uint8Array) => T }

export type Round1 = { readonly nonce: Uint8Array; readonly com: Uint8Array; readonly abot: Uint8Array }

export type Round2 = { readonly opening: Uint8Array; readonly zeroHalf: Uint8Array; readonly reply: Uint8Array }

export type Round3 = { readonly conf: Uint8Array; readonly pprf: Uint8Array }

/** nonce ‖ com ‖ Abot */
export const ROUND1: Body<Round1> = {
  bytes: 32 + 32 + POINT_BYTES,
  parse(body) {
    const [nonce, com, abot] = split(body, 32, 32, POINT_BYTES)
    return { nonce, com, abot }
  },
}

/** opening ‖ zs ‖ base-OT reply */
export function round2(openingBytes: number): Body<Round2> {
  return {
    bytes: openingBytes + ZERO_HALF_BYTES + BASE_OT_REPLY_BYTES,
    parse(body) {
      const [opening, zeroHalf, reply] = split(body, openingBytes, ZERO_HALF_BYTES, BASE_OT_REPLY_BYTES)
      return { opening, zeroHalf, reply }
    },
  }
}

/** conf ‖ pprf */
export const ROUND3: Body<Round3> = {
  bytes: 32 + PPRF_BYTES,
  parse(body) {
    const [conf, pprf] = split(body, 32, PPRF_BYTES)
    return { conf, pprf }
  },
}

/** ack, an Ed25519 signature */
export const ROUND4: Body<Uint8Array> = { bytes: 64, parse: (body) => body }

/** Something of every party. */
export type ByParty<T> = ReadonlyMap<PartyIndex, T>

/** One field of every party, in index order, as the hashes want it. */
export function inOrder<T, R>(values: ByParty<T>, pick: (value: T, party: PartyIndex) => R): R[] {
  return [...values].toSorted(([i], [j]) => i - j).map(([party, value]) => pick(value, party))
}

/** What the others sent and what we did. */
export function withOwn<Sent, Own>(received: ByParty<Sent>, self: PartyIndex, own: Own): ByParty<Sent | Own> {
  return new Map<PartyIndex, Sent | Own>([...received, [self, own]])
}

/** The same map with every value turned into another. */
export function mapEach<T, R>(values: ByParty<T>, turn: (value: T, party: PartyIndex) => R): ByParty<R> {
  return new Map([...values].map(([party, value]) => [party, turn(value, party)]))
}
