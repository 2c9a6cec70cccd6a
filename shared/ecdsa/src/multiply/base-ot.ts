import { type PartyIndex, type Protocol, ProtocolAbort, pause, type Rng, SUITE } from '@tandem/rounds'
import type { Backend, Point } from '../math/backend.ts'
import { concat, le16 } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { decodePoint, POINT_BYTES } from '../math/points.ts'
import { fromBytesBE, randomScalar, toBytes32 } from '../math/scalar.ts'

// Batched endemic OT. The sender of the base OTs becomes Bob of the extension, the receiver Alice.
// Source: docs/spec/setup.md, section 1.

/** OTs per direction: the width of Δ. */
export const BASE_OTS = 128
/** S_0 ‖ S_1 of every OT */
export const BASE_OT_REPLY_BYTES = BASE_OTS * 2 * POINT_BYTES
const KEY_BYTES = 16
const DOMAIN = `${SUITE}-POPF-secp256k1_XMD:SHA-256_SSWU_RO_`

/** A server's event loop gets a turn after this many OTs, 20 ms of work at worst. */
const OTS_PER_PAUSE = 8

/** One direction's base OTs with one peer. */
export type BaseOtRun = {
  readonly backend: Backend
  /** PD, the direction's name, 32 bytes */
  readonly pd: Uint8Array
  /** who is named if the peer's points are bad */
  readonly peer: PartyIndex
  /** secrets of the run are put here as they come to be; the caller overwrites them when it is over, however it ends */
  readonly ephemeral: Uint8Array[]
}

/** The sender's secret a (32 bytes, big-endian) and its message Abot = a·G (33 bytes). */
export type BaseOtSender = { readonly a: Uint8Array; readonly abot: Uint8Array }

/** What the receiver sends (8448 bytes) and keeps: 128 choice bits, LSB first (16 bytes), and a 16-byte key of each. */
export type BaseOtReceiver = { readonly reply: Uint8Array; readonly choices: Uint8Array; readonly keys: Uint8Array }

/** 1.1 */
export function baseOtStart(backend: Backend, rng: Rng): BaseOtSender {
  const a = randomScalar(rng)
  return { a: toBytes32(a), abot: backend.encode(backend.mulBase(a)) }
}

/** 1.2 @throws {ProtocolAbort} `BAD_BASE_OT` in round 1 if Abot is no point */
export function* baseOtReply(run: BaseOtRun, abot: Uint8Array, rng: Rng): Protocol<BaseOtReceiver> {
  const Abot = decodePoint(run.backend, abot)
  if (Abot === undefined) throw new ProtocolAbort('BAD_BASE_OT', 1, [run.peer]) // check K11
  const timesAbot = run.backend.fixed(Abot)
  const choices = rng(BASE_OTS / 8)
  const reply = new Uint8Array(BASE_OT_REPLY_BYTES)
  const keys = new Uint8Array(BASE_OTS * KEY_BYTES)
  run.ephemeral.push(choices, keys)
  for (let i = 0; i < BASE_OTS; i++) {
    if (i % OTS_PER_PAUSE === 0) yield* pause()
    const { messages, key } = choose({ ...run, abot, i }, bitOf(choices, i), timesAbot, rng)
    reply.set(messages, i * 2 * POINT_BYTES)
    keys.set(key, i * KEY_BYTES)
  }
  return { reply, choices, keys }
}

/**
 * 1.3
 *
 * @returns κ_{i,0} ‖ κ_{i,1} for every i, 4096 bytes
 * @throws {ProtocolAbort} `BAD_BASE_OT` in round 2 if a point is not canonical or cancels its mask
 */
export function* baseOtFinish(run: BaseOtRun, mine: BaseOtSender, reply: Uint8Array): Protocol<Uint8Array> {
  const a = fromBytesBE(mine.a)
  const keys = new Uint8Array(BASE_OTS * 2 * KEY_BYTES)
  run.ephemeral.push(keys)
  for (let i = 0; i < BASE_OTS; i++) {
    if (i % OTS_PER_PAUSE === 0) yield* pause()
    const messages = reply.subarray(i * 2 * POINT_BYTES, (i + 1) * 2 * POINT_BYTES)
    keys.set(bothKeys({ ...run, abot: mine.abot, i }, messages, a), i * 2 * KEY_BYTES)
  }
  return keys
}

/** One OT of the batch. */
type Instance = BaseOtRun & { readonly abot: Uint8Array; readonly i: number }

type Bit = 0 | 1

function choose(ot: Instance, c: Bit, timesAbot: (b: bigint) => Point, rng: Rng) {
  const { backend } = ot
  const b = randomScalar(rng)
  // A group element, not random bytes: half of all byte strings are no point, and that would show c.
  const other = backend.encode(backend.randomPoint(rng))
  const S = backend.add(backend.mulBase(b), backend.negate(mask(ot, c, other)))
  if (backend.isIdentity(S)) return choose(ot, c, timesAbot, rng)
  const [own, K] = backend.encodeAll([S, timesAbot(b)]) as [Uint8Array, Uint8Array]
  const messages = concat(select(c, own, other), select(c, other, own))
  return { messages, key: derive(ot, c, messages, K) }
}

function bothKeys(ot: Instance, messages: Uint8Array, a: bigint): Uint8Array {
  const { backend, peer } = ot
  const s0 = messages.subarray(0, POINT_BYTES)
  const s1 = messages.subarray(POINT_BYTES)
  const S0 = decodePoint(backend, s0)
  const S1 = decodePoint(backend, s1)
  if (S0 === undefined || S1 === undefined) throw new ProtocolAbort('BAD_BASE_OT', 2, [peer]) // check K11
  const M0 = backend.add(S0, mask(ot, 0, s1))
  const M1 = backend.add(S1, mask(ot, 1, s0))
  if (backend.isIdentity(M0) || backend.isIdentity(M1)) throw new ProtocolAbort('BAD_BASE_OT', 2, [peer]) // check K11
  const [K0, K1] = backend.encodeAll([backend.mul(M0, a), backend.mul(M1, a)]) as [Uint8Array, Uint8Array]
  return concat(derive(ot, 0, messages, K0), derive(ot, 1, messages, K1))
}

/** H_b(i, S): a point whose logarithm nobody knows. 1.4 */
function mask({ backend, pd, abot, i }: Instance, b: Bit, S: Uint8Array): Point {
  return backend.hashToCurve(TH(backend, 'bot/popf', pd, abot, le16(i), Uint8Array.of(b), S), DOMAIN)
}

/** κ: index, bit and both messages are in it, which is what makes one a for the whole batch sound. 1.5 */
function derive({ backend, pd, abot, i }: Instance, b: Bit, messages: Uint8Array, K: Uint8Array): Uint8Array {
  const s0 = messages.subarray(0, POINT_BYTES)
  const s1 = messages.subarray(POINT_BYTES)
  return TH(backend, 'bot/key', pd, abot, le16(i), Uint8Array.of(b), s0, s1, K).slice(0, KEY_BYTES)
}

/** `zero` or `one`, by a secret bit, without a branch on it. */
function select(bit: Bit, zero: Uint8Array, one: Uint8Array): Uint8Array {
  return zero.map((byte, i) => byte ^ (-bit & (byte ^ one[i]!)))
}

function bitOf(bytes: Uint8Array, i: number): Bit {
  return ((bytes[i >> 3]! >> (i & 7)) & 1) as Bit
}
