import { BX, bit, concat, fromLE, LE, range, TH } from './hash.ts'
import type { Leaves } from './pprf.ts'

/** Section 6 with rows as BigInts and the consistency check in its row form: x̃ = Σ χ_j x̂_j + mask, t̃_r likewise. */

const k = 4
const ROWS = 128
const BATCH = 416
const ELEMENT = 2n ** 128n - 1n

/** Bob's cheat of section 6: one bit of u_tree is flipped and T̃ corrected for the case Δ_tree = guess. */
export type ExtensionCheat = { readonly tree: number; readonly position: number; readonly guess: number }

export type Extension = { readonly u: Uint8Array; readonly xTilde: Uint8Array; readonly h: Uint8Array }

export function extendAsBob(
  leaves: Leaves,
  s1: Uint8Array,
  x: bigint,
  cheat?: ExtensionCheat,
): { message: Extension; columns: bigint[] } {
  const trees = leaves.map((tree, tau) => tree.map((seed, y) => rowOf(s1, tau, y, seed!)))
  const rows = range(ROWS).map((r) => xorAll(trees[Math.floor(r / k)]!.filter((_, y) => (y >> (r % k)) & 1)))
  const flip = (tau: number) => (cheat?.tree === tau ? 1n << BigInt(cheat.position) : 0n)
  const u = concat(...trees.map((tree, tau) => LE(xorAll(tree) ^ x ^ flip(tau), 68)))

  // What Alice's rows will differ from the honest ones by, if the guess is right.
  const claimed = rows.map((row, r) => {
    const tau = Math.floor(r / k)
    return cheat !== undefined && (cheat.guess >> (r % k)) & 1 ? row ^ flip(tau) : row
  })
  const chi = challengeOf(s1, u)
  const xTilde = combine(chi, x)
  const h = TH('ote/t', s1, tildeBytes(claimed.map((row) => combine(chi, row))))
  return { message: { u, xTilde: LE(xTilde, 16), h }, columns: columnsOf(rows) }
}

export function extendAsAlice(
  leaves: Leaves,
  punctured: readonly number[],
  s1: Uint8Array,
  { u, xTilde, h }: Extension,
): { columns: bigint[]; delta: bigint } | undefined {
  const delta = punctured.reduce((sum, y, tau) => sum | (BigInt(y) << BigInt(k * tau)), 0n)
  const rows = range(ROWS).map((r) => {
    const [tau, b] = [Math.floor(r / k), r % k]
    const hole = punctured[tau]!
    const known = leaves[tau]!.map((seed, y) => (((y ^ hole) >> b) & 1 ? rowOf(s1, tau, y, seed!) : 0n))
    const correction = bit(delta, r) * fromLE(u.subarray(68 * tau, 68 * tau + 68))
    return xorAll(known) ^ correction
  })
  const chi = challengeOf(s1, u)
  const tildes = rows.map((row, r) => combine(chi, row) ^ (bit(delta, r) * fromLE(xTilde)))
  if (!Buffer.from(TH('ote/t', s1, tildeBytes(tildes))).equals(h)) return undefined
  return { columns: columnsOf(rows), delta }
}

/** pad(j, w): three scalars, not yet reduced. */
export function padOf(s2: Uint8Array, j: number, column: bigint): [bigint, bigint, bigint] {
  const pad = BX(TH('ote/col', s2), concat(LE(column, 16), LE(j, 4)), 96)
  return [fromLE(pad.subarray(0, 32)), fromLE(pad.subarray(32, 64)), fromLE(pad.subarray(64))]
}

function rowOf(s1: Uint8Array, tau: number, y: number, seed: Uint8Array): bigint {
  return fromLE(BX(TH('ote/prg', s1), concat(seed, LE(tau, 2), LE(y, 2)), 68))
}

function challengeOf(s1: Uint8Array, u: Uint8Array): bigint[] {
  const d = TH('ote/chi', s1, u)
  const chi = concat(TH('ote/chi0', d), TH('ote/chi1', d))
  return range(4).map((i) => fromLE(chi.subarray(16 * i, 16 * i + 16)))
}

/** Four blocks of 128 bits (the last of 32), each times its χ, plus the 128 mask bits at the end. */
function combine(chi: readonly bigint[], row: bigint): bigint {
  const batch = row & (2n ** BigInt(BATCH) - 1n)
  const products = chi.map((c, i) => gfMultiply(c, (batch >> BigInt(128 * i)) & ELEMENT))
  return xorAll(products) ^ (row >> BigInt(BATCH))
}

/** GF(2^128), x^128 = x^7 + x^2 + x + 1. */
export function gfMultiply(a: bigint, b: bigint): bigint {
  let product = 0n
  for (const digit of b.toString(2)) {
    product <<= 1n
    if (product > ELEMENT) product ^= 2n ** 128n + 0x87n
    if (digit === '1') product ^= a
  }
  return product
}

/** T̃^(0..127): bit r of T̃^(o) is bit o of t̃_r. */
function tildeBytes(tildes: readonly bigint[]): Uint8Array {
  return concat(...range(128).map((o) => LE(columnOf(tildes, o), 16)))
}

function columnsOf(rows: readonly bigint[]): bigint[] {
  return range(BATCH).map((p) => columnOf(rows, p))
}

function columnOf(rows: readonly bigint[], p: number): bigint {
  return rows.reduce((column, row, r) => column | (bit(row, p) << BigInt(r)), 0n)
}

function xorAll(values: readonly bigint[]): bigint {
  return values.reduce((sum, value) => sum ^ value, 0n)
}
