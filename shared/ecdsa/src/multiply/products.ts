import { mod, q } from '../math/scalar.ts'
import { canonical, canonicalAll, ROW_WORDS, SCALAR_WORDS, scalarOfWords, wordsOfScalar } from './limbs.ts'

/**
 * Sums of products over the rows of a multiplication. Row words are below 1.32·2^32 in size, which is what
 * `γ + β·(ã − q)` reaches; the other factor comes in halves between −2^15 and 2^15.
 */

const WORDS = SCALAR_WORDS
const HALVES = 2 * WORDS
const ROW = ROW_WORDS
const floor = Math.floor

/** Rows whose products are added before a carry: 6·8·2^15·1.32·2^32 < 2^53. */
const ROWS_PER_CARRY = 6
/** What is taken from every half of the gadget. */
const CENTRE = 0x8000
const ALL_CENTRES = BigInt(`0x${'8000'.repeat(HALVES)}`)
/** c = 2^256 − q, nine halves */
const C_HALVES = Float64Array.from({ length: 9 }, (_, l) => Number(((2n ** 256n - q) >> BigInt(16 * l)) & 0xffffn))
const Q_HALVES = Float64Array.from({ length: HALVES }, (_, l) => Number((q >> BigInt(16 * l)) & 0xffffn))

/**
 * `Σ_j g_j·v_j mod q` for the first two scalars v of every row.
 *
 * A product of words is split by the halves of g, so that it fits a double: the lower and the upper halves make a sum
 * each, by powers of 2^32. Halves are centred on 0, which costs a third sum, Σ v, and fits twice as many products.
 *
 * @param gadget 8 words per row, unsigned
 */
export function dotProducts(gadget: Int32Array, rows: Float64Array): readonly [bigint, bigint] {
  const halves = new Float64Array(HALVES)
  const plain = new Float64Array(2 * WORDS)
  const lower = [new Float64Array(2 * WORDS), new Float64Array(2 * WORDS)] as const
  const upper = [new Float64Array(2 * WORDS), new Float64Array(2 * WORDS)] as const
  for (let j = 0, row = 0; row < rows.length; j++, row += ROW) {
    for (let k = 0; k < WORDS; k++) {
      const word = gadget[j * WORDS + k]!
      halves[k] = (word & 0xffff) - CENTRE
      halves[WORDS + k] = (word >>> 16) - CENTRE
    }
    multiplyAdd(lower[0], rows, row, halves, 0)
    multiplyAdd(upper[0], rows, row, halves, WORDS)
    multiplyAdd(lower[1], rows, row + WORDS, halves, 0)
    multiplyAdd(upper[1], rows, row + WORDS, halves, WORDS)
    for (let k = 0; k < 2 * WORDS; k++) plain[k]! += rows[row + k]!
    if (j % ROWS_PER_CARRY === 0) for (const sum of [...lower, ...upper]) carryOver(sum)
  }
  const total = (i: 0 | 1) => {
    const centred = scalarOfWords(lower[i]) + (scalarOfWords(upper[i]) << 16n)
    return mod(centred + ALL_CENTRES * scalarOfWords(plain.subarray(i * WORDS, (i + 1) * WORDS)))
  }
  const totals = [total(0), total(1)] as const
  for (const secret of [...lower, ...upper, plain]) secret.fill(0)
  return totals
}

/** sum += a·b as polynomials of 8 coefficients. Written out: in a loop it takes four times as long. */
function multiplyAdd(sum: Float64Array, a: Float64Array, at: number, b: Float64Array, bt: number): void {
  const a0 = a[at]!
  const a1 = a[at + 1]!
  const a2 = a[at + 2]!
  const a3 = a[at + 3]!
  const a4 = a[at + 4]!
  const a5 = a[at + 5]!
  const a6 = a[at + 6]!
  const a7 = a[at + 7]!
  const b0 = b[bt]!
  const b1 = b[bt + 1]!
  const b2 = b[bt + 2]!
  const b3 = b[bt + 3]!
  const b4 = b[bt + 4]!
  const b5 = b[bt + 5]!
  const b6 = b[bt + 6]!
  const b7 = b[bt + 7]!
  sum[0]! += a0 * b0
  sum[1]! += a0 * b1 + a1 * b0
  sum[2]! += a0 * b2 + a1 * b1 + a2 * b0
  sum[3]! += a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0
  sum[4]! += a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0
  sum[5]! += a0 * b5 + a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1 + a5 * b0
  sum[6]! += a0 * b6 + a1 * b5 + a2 * b4 + a3 * b3 + a4 * b2 + a5 * b1 + a6 * b0
  sum[7]! += a0 * b7 + a1 * b6 + a2 * b5 + a3 * b4 + a4 * b3 + a5 * b2 + a6 * b1 + a7 * b0
  sum[8]! += a1 * b7 + a2 * b6 + a3 * b5 + a4 * b4 + a5 * b3 + a6 * b2 + a7 * b1
  sum[9]! += a2 * b7 + a3 * b6 + a4 * b5 + a5 * b4 + a6 * b3 + a7 * b2
  sum[10]! += a3 * b7 + a4 * b6 + a5 * b5 + a6 * b4 + a7 * b3
  sum[11]! += a4 * b7 + a5 * b6 + a6 * b5 + a7 * b4
  sum[12]! += a5 * b7 + a6 * b6 + a7 * b5
  sum[13]! += a6 * b7 + a7 * b6
  sum[14]! += a7 * b7
}

/** Leaves each coefficient near 32 bits; the last takes what is left. */
function carryOver(sum: Float64Array): void {
  let carry = 0
  for (let k = 0; k < 2 * WORDS - 1; k++) {
    const over = floor(sum[k]! * 2 ** -32)
    sum[k] = sum[k]! - over * 2 ** 32 + carry
    carry = over
  }
  sum[2 * WORDS - 1]! += carry
}

/**
 * `v_2 + θ_0·v_0 + θ_1·v_1 mod q`, canonical, for every row (v_0, v_1, v_2).
 *
 * @param thetas public
 * @returns 8 words per row
 */
export function combinations(rows: Float64Array, thetas: readonly [bigint, bigint]): Int32Array {
  const factors = factorsOf(thetas)
  const sums = new Float64Array(HALVES)
  const v = new Float64Array(rows.length / 3)
  for (let row = 0, to = 0; row < rows.length; row += ROW, to += WORDS) {
    sumsOfProducts(factors, rows, row, sums)
    pack(sums, v, to)
    for (let k = 0; k < WORDS; k++) v[to + k]! += rows[row + 2 * WORDS + k]!
  }
  const out = new Int32Array(v.length)
  canonicalAll(v, out)
  for (const secret of [sums, v]) secret.fill(0)
  return out
}

/**
 * `θ_i·2^{32k} mod q`: entry `16·l + 8·i + k` is its half l. With these a row's product is 16 sums of 16 products and is
 * almost reduced: 2^294 instead of 2^512.
 */
function factorsOf(thetas: readonly [bigint, bigint]): Float64Array {
  const factors = new Float64Array(HALVES * 2 * WORDS)
  const power = new Int32Array(WORDS)
  for (let i = 0; i < 2; i++) {
    const v = wordsOfScalar(thetas[i]!)
    for (let shift = 0; shift < HALVES; shift++) {
      canonical(v, 0, power, 0)
      if (shift % 2 === 0) balance(power, factors, 8 * i + shift / 2)
      for (let k = 0; k < WORDS; k++) v[k] = (power[k]! >>> 0) * 2 ** 16
    }
  }
  return factors
}

/** Halves between −2^15 and 2^15 of x, or of x − q if x has 256 bits: every 16th entry from `at` on. */
function balance(x: Int32Array, factors: Float64Array, at: number): void {
  const less = x[WORDS - 1]! >>> 31
  let carry = 0
  for (let l = 0; l < HALVES; l++) {
    const half = ((x[l >>> 1]! >>> (16 * (l & 1))) & 0xffff) - less * Q_HALVES[l]! + carry
    carry = l === HALVES - 1 ? 0 : floor((half + 2 ** 15) * 2 ** -16)
    factors[16 * l + at] = half - carry * 2 ** 16
  }
}

function sumsOfProducts(t: Float64Array, rows: Float64Array, at: number, sums: Float64Array): void {
  const a0 = rows[at]!
  const a1 = rows[at + 1]!
  const a2 = rows[at + 2]!
  const a3 = rows[at + 3]!
  const a4 = rows[at + 4]!
  const a5 = rows[at + 5]!
  const a6 = rows[at + 6]!
  const a7 = rows[at + 7]!
  const b0 = rows[at + 8]!
  const b1 = rows[at + 9]!
  const b2 = rows[at + 10]!
  const b3 = rows[at + 11]!
  const b4 = rows[at + 12]!
  const b5 = rows[at + 13]!
  const b6 = rows[at + 14]!
  const b7 = rows[at + 15]!
  for (let l = 0, i = 0; l < HALVES; l++, i += 16) {
    let sum = a0 * t[i]! + a1 * t[i + 1]! + a2 * t[i + 2]! + a3 * t[i + 3]!
    sum += a4 * t[i + 4]! + a5 * t[i + 5]! + a6 * t[i + 6]! + a7 * t[i + 7]!
    sum += b0 * t[i + 8]! + b1 * t[i + 9]! + b2 * t[i + 10]! + b3 * t[i + 11]!
    sums[l] = sum + b4 * t[i + 12]! + b5 * t[i + 13]! + b6 * t[i + 14]! + b7 * t[i + 15]!
  }
}

/**
 * 16 sums by powers of 2^16, each below 2^51.4 in size, as 8 words of the same number mod q, now below 2^260: the
 * multiple of 2^256 is taken off and returns c times.
 */
function pack(sums: Float64Array, v: Float64Array, to: number): void {
  const quotient = floor(sums[15]! * 2 ** -16 + sums[14]! * 2 ** -32)
  for (let l = 0; l < C_HALVES.length; l++) sums[l]! += quotient * C_HALVES[l]!
  let over = 0
  for (let k = 0; k < WORDS; k++) {
    const upper = sums[2 * k + 1]!
    const high = floor(upper * 2 ** -16)
    v[to + k] = sums[2 * k]! + (upper - high * 2 ** 16) * 2 ** 16 + over
    over = high
  }
  v[to + WORDS - 1]! += (over - quotient) * 2 ** 32
}
