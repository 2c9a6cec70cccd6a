import type { PartyIndex } from '@tandem/rounds'
import { concat, split } from './math/bytes.ts'
import { POINT_BYTES } from './math/points.ts'
import { BASE_OT_REPLY_BYTES } from './multiply/base-ot.ts'
import { PPRF_BYTES } from './multiply/pprf.ts'
import { ZERO_HALF_BYTES } from './pairing.ts'
import { DLOG_PROOF_BYTES } from './proof/dlog.ts'

// One body per (round, peer): what everybody gets, then what this peer alone gets. Source: docs/spec/keygen.md.

/** salt ‖ A ‖ cc ‖ T ‖ z: one coefficient, because shares are additive */
export const OPENING_BYTES = 32 + POINT_BYTES + 32 + DLOG_PROOF_BYTES

/** How long a body is, which is checked before anything is parsed, and what it says. */
export type Body<T> = { readonly bytes: number; readonly parse: (body: Uint8Array) => T }

export type Round1 = { readonly nonce: Uint8Array; readonly com: Uint8Array; readonly abot: Uint8Array }

/** What opens a commitment and proves it; `bytes` is its encoding. */
export type Opening = {
  readonly salt: Uint8Array
  /** A_i, 33 bytes */
  readonly A: Uint8Array
  /** our part of the chain code, 32 bytes */
  readonly cc: Uint8Array
  /** T ‖ z */
  readonly proof: Uint8Array
  readonly bytes: Uint8Array
}

export type Round2 = { readonly opening: Opening; readonly zeroHalf: Uint8Array; readonly reply: Uint8Array }

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
export const ROUND2: Body<Round2> = {
  bytes: OPENING_BYTES + ZERO_HALF_BYTES + BASE_OT_REPLY_BYTES,
  parse(body) {
    const [bytes, zeroHalf, reply] = split(body, OPENING_BYTES, ZERO_HALF_BYTES, BASE_OT_REPLY_BYTES)
    const [salt, A, cc, proof] = split(bytes, 32, POINT_BYTES, 32, DLOG_PROOF_BYTES)
    return { opening: { salt, A, cc, proof, bytes }, zeroHalf, reply }
  },
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

export function openingOf(parts: Omit<Opening, 'bytes'>): Opening {
  return { ...parts, bytes: concat(parts.salt, parts.A, parts.cc, parts.proof) }
}

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
