import { Once, type Rng, UsageError } from '@tandem/rounds'
import { concat, equalBytes, split } from '../math/bytes.ts'
import { H2S, type Sha2, TH } from '../math/hash.ts'
import { decodeScalar, mod, q, randomScalar, toBytes32 } from '../math/scalar.ts'
import { bytesOf, maskOf, wordsOf } from './bits.ts'
import { keyed, squeeze } from './blake3.ts'
import { BATCH } from './gf128.ts'
import { allCanonical, differences, ROW_WORDS, SCALAR_WORDS, scalarOfWords, wordsOfScalar } from './limbs.ts'
import {
  CHOICE_BYTES,
  type Extension,
  extendAsAlice,
  extendAsBob,
  H_BYTES,
  U_BYTES,
  X_TILDE_BYTES,
} from './ot-extension.ts'
import type { AliceLeaves, BobLeaves } from './pprf.ts'
import { combinations, dotProducts } from './products.ts'

const WORDS = SCALAR_WORDS
const ROW = ROW_WORDS
const NONCE_BYTES = 32
const A_TILDE_BYTES = BATCH * ROW * 4

/** nb ‖ u ‖ x̃ ‖ h */
export const R1_BYTES = NONCE_BYTES + U_BYTES + X_TILDE_BYTES + H_BYTES
/** na ‖ ã ‖ η ‖ μ */
export const R2_BYTES = NONCE_BYTES + A_TILDE_BYTES + 32 + 32

/** What Bob keeps until Alice has answered. All of it is of this run only. */
export type BobState = {
  readonly d1: Uint8Array
  readonly choices: Int32Array
  readonly columns: Int32Array
  readonly gadget: Int32Array
}

/** What Alice keeps between the check and her answer. */
export type AliceState = {
  readonly s1: Uint8Array
  readonly d1: Uint8Array
  readonly columns: Int32Array
  /** Δ, 4 words */
  readonly delta: Int32Array
}

/**
 * Bob opens a multiplication: he will get d, Alice c, with `c_i + d_i = a_i·b` for his random b.
 *
 * @param sid 32 bytes, names the run and the direction
 *
 * Source: docs/spec/multiply.md, 2.1.
 */
export function bobStart(
  sha: Sha2,
  leaves: BobLeaves,
  sid: Uint8Array,
  rng: Rng,
): { r1: Uint8Array; b: bigint; state: Once<BobState> } {
  const nb = rng(NONCE_BYTES)
  const s1 = TH(sha, 'rvole/s1', sid, nb)
  const bits = rng(CHOICE_BYTES)
  const choices = wordsOf(bits)
  const gadget = gadgetOf(sha, s1)
  const { message, columns } = extendAsBob(sha, leaves, s1, bits)
  bits.fill(0)
  const state = { d1: digestOf(sha, s1, message), choices, columns, gadget }
  return {
    r1: concat(nb, message.u, message.xTilde, message.h),
    b: chosenSum(gadget, choices),
    state: new Once(state),
  }
}

/**
 * Alice checks Bob's message. The outcome depends on her long-lived Δ: on undefined the pair must be destroyed before
 * anybody can observe it. An exception inside the check is a failed check.
 *
 * @param r1 2256 bytes
 *
 * Source: docs/spec/multiply.md, 1.6.
 */
export function aliceCheck(
  sha: Sha2,
  leaves: AliceLeaves,
  sid: Uint8Array,
  r1: Uint8Array,
): Once<AliceState> | undefined {
  if (r1.length !== R1_BYTES) throw new UsageError(`the first message is ${R1_BYTES} bytes`)
  try {
    const [nb, u, xTilde, h] = split(r1, NONCE_BYTES, U_BYTES, X_TILDE_BYTES, H_BYTES)
    const s1 = TH(sha, 'rvole/s1', sid, nb)
    const message = { u, xTilde, h }
    const extension = extendAsAlice(sha, leaves, s1, message)
    return extension && new Once({ s1, d1: digestOf(sha, s1, message), ...extension })
  } catch {
    return undefined
  }
}

/**
 * Alice answers with her two inputs.
 *
 * @param a 0..q−1 each
 *
 * Source: docs/spec/multiply.md, 2.2.
 */
export function aliceRespond(
  sha: Sha2,
  state: Once<AliceState>,
  a: readonly [bigint, bigint],
  rng: Rng,
): { r2: Uint8Array; c: readonly [bigint, bigint] } {
  const { s1, d1, columns, delta } = state.take()
  const na = rng(NONCE_BYTES)
  const s2 = TH(sha, 'rvole/s2', d1, na)
  const aHat = randomScalar(rng)
  const added = rowOf(a[0], a[1], aHat)
  const r2 = new Uint8Array(R2_BYTES)
  const aTilde = new Int32Array(r2.buffer, NONCE_BYTES, BATCH * ROW)

  const pads0 = padsOf(sha, s2, columns)
  for (let w = 0; w < columns.length; w++) columns[w]! ^= delta[w % delta.length]!
  const pads1 = padsOf(sha, s2, columns)
  const alpha = new Float64Array(pads0)
  differences(alpha, pads1, added, aTilde)

  const thetas = thetasOf(sha, s2, bytesOf(aTilde))
  const eta = mod(aHat + thetas[0] * a[0] + thetas[1] * a[1])
  const mu = TH(sha, 'rvole/mu', s2, bytesOf(combinations(alpha, thetas)))
  const [u, v] = dotProducts(gadgetOf(sha, s1), alpha)

  r2.set(na)
  r2.set(toBytes32(eta), NONCE_BYTES + A_TILDE_BYTES)
  r2.set(mu, NONCE_BYTES + A_TILDE_BYTES + 32)
  for (const secret of [pads0, pads1, alpha, added, columns, delta]) secret.fill(0)
  return { r2, c: [mod(-u), mod(-v)] }
}

/**
 * Bob checks Alice's answer and takes his outputs. A failure tells nothing that outlives the run.
 *
 * @param r2 40 032 bytes
 *
 * Source: docs/spec/multiply.md, 2.3.
 */
export function bobFinish(
  sha: Sha2,
  state: Once<BobState>,
  r2: Uint8Array,
): { d: readonly [bigint, bigint] } | Refused {
  const { d1, choices, columns, gadget } = state.take()
  if (r2.length !== R2_BYTES) throw new UsageError(`the second message is ${R2_BYTES} bytes`)
  const aTildeBytes = r2.subarray(NONCE_BYTES, NONCE_BYTES + A_TILDE_BYTES)
  const [etaBytes, mu] = split(r2.subarray(NONCE_BYTES + A_TILDE_BYTES), 32, 32)
  const aTilde = new Uint32Array(wordsOf(aTildeBytes).buffer)
  const eta = decodeScalar(etaBytes)
  if (!allCanonical(aTilde)) return refused('BAD_ENCODING', choices, columns) // check S9
  if (eta === undefined) return refused('BAD_ENCODING', choices, columns) // check S9

  const s2 = TH(sha, 'rvole/s2', d1, r2.subarray(0, NONCE_BYTES))
  const gamma = padsOf(sha, s2, columns)
  const rows = addChosen(gamma, choices, aTilde, rowOf(q, q, eta))
  const thetas = thetasOf(sha, s2, aTildeBytes)
  const expected = TH(sha, 'rvole/mu', s2, bytesOf(combinations(rows, thetas)))
  const d = dotProducts(gadget, rows)

  for (const secret of [gamma, rows, choices, columns]) secret.fill(0)
  if (!equalBytes(expected, mu)) return refused('BAD_MULTIPLICATION') // check S10
  return { d }
}

type Refused = { readonly fault: 'BAD_ENCODING' | 'BAD_MULTIPLICATION' }

function refused(fault: Refused['fault'], ...secrets: readonly Int32Array[]): Refused {
  for (const secret of secrets) secret.fill(0)
  return { fault }
}

/** D1: what Bob said. Spec: multiply, 2.1. */
function digestOf(sha: Sha2, s1: Uint8Array, { u, xTilde, h }: Extension): Uint8Array {
  return TH(sha, 'rvole/m1', s1, u, xTilde, h)
}

/** θ_0 and θ_1, drawn after ã is fixed. Spec: multiply, 2.2. */
function thetasOf(sha: Sha2, s2: Uint8Array, aTilde: Uint8Array): readonly [bigint, bigint] {
  const d = TH(sha, 'rvole/theta', s2, aTilde)
  return [H2S(sha, 'rvole/theta-i', d, Uint8Array.of(0)), H2S(sha, 'rvole/theta-i', d, Uint8Array.of(1))]
}

/** g_0..g_415, 8 words each, uniform below 2^256. Spec: multiply, 2. */
function gadgetOf(sha: Sha2, s1: Uint8Array): Int32Array {
  const xof = keyed(TH(sha, 'rvole/gadget', s1), 4)
  const out = new Int32Array(BATCH * WORDS + WORDS)
  for (let j = 0; j < BATCH; j++) {
    xof.block[0] = j
    squeeze(xof, out, j * WORDS, 1)
  }
  return out.subarray(0, BATCH * WORDS)
}

/** pad(j, w_j) for every column w: a row of three scalars, uniform below 2^256. Spec: multiply, 1.7. */
function padsOf(sha: Sha2, s2: Uint8Array, columns: Int32Array): Uint32Array {
  const xof = keyed(TH(sha, 'ote/col', s2), 20)
  const out = new Int32Array(BATCH * ROW + WORDS)
  for (let j = 0; j < BATCH; j++) {
    for (let w = 0; w < 4; w++) xof.block[w] = columns[4 * j + w]!
    xof.block[4] = j
    squeeze(xof, out, j * ROW, 2)
  }
  xof.block.fill(0)
  return new Uint32Array(out.buffer, 0, BATCH * ROW)
}

/** b = ⟨g, β⟩. */
function chosenSum(gadget: Int32Array, choices: Int32Array): bigint {
  const sum = new Float64Array(WORDS)
  for (let j = 0; j < BATCH; j++) {
    const mask = maskOf(choices, j)
    for (let k = 0; k < WORDS; k++) sum[k]! += (gadget[j * WORDS + k]! & mask) >>> 0
  }
  const b = scalarOfWords(sum) % q
  sum.fill(0)
  return b
}

/** `γ + β·(ã − less)`: for the inputs that is ḋ mod q, for the check `d̂ − β·η`. */
function addChosen(gamma: Uint32Array, choices: Int32Array, aTilde: Uint32Array, less: Float64Array): Float64Array {
  const rows = new Float64Array(gamma.length)
  for (let j = 0, at = 0; j < BATCH; j++) {
    const bit = maskOf(choices, j) & 1
    for (let k = 0; k < ROW; k++, at++) rows[at] = gamma[at]! + bit * (aTilde[at]! - less[k]!)
  }
  return rows
}

function rowOf(...scalars: readonly [bigint, bigint, bigint]): Float64Array {
  return Float64Array.from(scalars.flatMap((x) => [...wordsOfScalar(x)]))
}
