import { q, residue } from './curve.ts'
import { BE, BX, bit, concat, fromLE, H2S, LE, range, TH } from './hash.ts'
import { type Extension, type ExtensionCheat, extendAsAlice, extendAsBob, padOf } from './ot-extension.ts'
import type { Leaves } from './pprf.ts'

/** Section 7 in BigInt. Randomness is given, not drawn. */

const BATCH = 416

export type BobDraws = { readonly nb: Uint8Array; readonly xPrime: Uint8Array }
export type AliceDraws = { readonly na: Uint8Array; readonly aHat: bigint }
type Pair = readonly [bigint, bigint]

export type BobState = {
  readonly d1: Uint8Array
  readonly s1: Uint8Array
  readonly x: bigint
  readonly columns: bigint[]
}
export type AliceState = Omit<BobState, 'x'> & { readonly delta: bigint }

export function bobStart(
  leaves: Leaves,
  sid: Uint8Array,
  { nb, xPrime }: BobDraws,
  cheat?: ExtensionCheat,
): { r1: Uint8Array; b: bigint; state: BobState } {
  const s1 = TH('rvole/s1', sid, nb)
  const x = fromLE(xPrime)
  const { message, columns } = extendAsBob(leaves, s1, x, cheat)
  const b = range(BATCH).reduce((sum, j) => sum + bit(x, j) * gadgetOf(s1, j), 0n)
  const r1 = concat(nb, message.u, message.xTilde, message.h)
  return { r1, b: residue(b, q), state: { d1: digestOf(s1, message), s1, x, columns } }
}

export function aliceCheck(
  leaves: Leaves,
  punctured: readonly number[],
  sid: Uint8Array,
  r1: Uint8Array,
): AliceState | undefined {
  const s1 = TH('rvole/s1', sid, r1.subarray(0, 32))
  const message = { u: r1.subarray(32, 2208), xTilde: r1.subarray(2208, 2224), h: r1.subarray(2224) }
  const extension = extendAsAlice(leaves, punctured, s1, message)
  return extension && { s1, d1: digestOf(s1, message), ...extension }
}

/** @param shift Alice's cheat: what she adds to (a_0, a_1) at row j */
export function aliceRespond(
  { s1, d1, columns, delta }: AliceState,
  a: Pair,
  { na, aHat }: AliceDraws,
  shift: (j: number) => Pair = () => [0n, 0n],
): { r2: Uint8Array; c: Pair } {
  const s2 = TH('rvole/s2', d1, na)
  const alpha = columns.map((column, j) => [padOf(s2, j, column), padOf(s2, j, column ^ delta)] as const)
  const aTilde = alpha.flatMap(([zero, one], j) => {
    const inputs = [a[0] + shift(j)[0], a[1] + shift(j)[1], aHat]
    return inputs.map((input, i) => LE(residue(zero[i]! - one[i]! + input, q), 32))
  })
  const [theta0, theta1] = thetasOf(s2, concat(...aTilde))
  const eta = residue(aHat + theta0 * a[0] + theta1 * a[1], q)
  const mus = alpha.map(([zero]) => LE(residue(zero[2] + theta0 * zero[0] + theta1 * zero[1], q), 32))
  const mu = TH('rvole/mu', s2, concat(...mus))
  const c = ([0, 1] as const).map((i) => -alpha.reduce((sum, [zero], j) => sum + gadgetOf(s1, j) * zero[i], 0n))
  const r2 = concat(na, ...aTilde, LE(eta, 32).reverse(), mu)
  return { r2, c: [residue(c[0]!, q), residue(c[1]!, q)] }
}

export function bobFinish({ s1, d1, x, columns }: BobState, r2: Uint8Array): { d: Pair } | { fault: string } {
  const aTilde = range(3 * BATCH).map((at) => fromLE(r2.subarray(32 + 32 * at, 64 + 32 * at)))
  const eta = BE(r2.subarray(39968, 40000))
  if ([...aTilde, eta].some((scalar) => scalar >= q)) return { fault: 'BAD_ENCODING' }

  const s2 = TH('rvole/s2', d1, r2.subarray(0, 32))
  const [theta0, theta1] = thetasOf(s2, r2.subarray(32, 39968))
  const dots = columns.map((column, j) => padOf(s2, j, column).map((g, i) => g + bit(x, j) * aTilde[3 * j + i]!))
  const mus = dots.map(([u, v, check], j) => LE(residue(check! + theta0 * u! + theta1 * v! - bit(x, j) * eta, q), 32))
  if (!Buffer.from(TH('rvole/mu', s2, concat(...mus))).equals(r2.subarray(40000)))
    return { fault: 'BAD_MULTIPLICATION' }
  const d = [0, 1].map((i) => dots.reduce((sum, dot, j) => sum + gadgetOf(s1, j) * dot[i]!, 0n))
  return { d: [residue(d[0]!, q), residue(d[1]!, q)] }
}

/** g_j, not reduced. */
export function gadgetOf(s1: Uint8Array, j: number): bigint {
  return fromLE(BX(TH('rvole/gadget', s1), LE(j, 4), 32))
}

function digestOf(s1: Uint8Array, { u, xTilde, h }: Extension): Uint8Array {
  return TH('rvole/m1', s1, u, xTilde, h)
}

function thetasOf(s2: Uint8Array, aTilde: Uint8Array): Pair {
  const d = TH('rvole/theta', s2, aTilde)
  return [H2S('rvole/theta-i', d, LE(0, 1)), H2S('rvole/theta-i', d, LE(1, 1))]
}
