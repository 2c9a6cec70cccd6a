import { mod, q } from '../math/scalar.ts'
import { canonical, ROW, scalarOfWords, WORDS } from './limbs.ts'

/**
 * Sums of products over the rows of a multiplication. Row words are below 1.32·2^32 in size, which is what
 * `γ + β·(ã − q)` reaches; the other factor has half words between −2^15 and 2^15.
 */

/** Rows whose products are added before a carry: 6·8·2^15·1.32·2^32 < 2^53. */
const ROWS_PER_CARRY = 6
/** What {@link centred} takes from every half word, as a number. */
const CENTRE = Array.from({ length: 16 }, (_, l) => 0x8000n << BigInt(16 * l)).reduce((sum, x) => sum + x)

/**
 * The gadget for {@link dotProduct}: the 8 lower halves of a number's words, then its 8 upper halves, each less 2^15.
 * Centred, six products fit where three would.
 */
export function centred(gadget: Int32Array): Float64Array {
  const out = new Float64Array(2 * gadget.length)
  for (let at = 0; at < gadget.length; at += WORDS) {
    for (let k = 0; k < WORDS; k++) {
      const word = gadget[at + k]!
      out[2 * at + k] = (word & 0xffff) - 0x8000
      out[2 * at + WORDS + k] = (word >>> 16) - 0x8000
    }
  }
  return out
}

/**
 * Σ_j g_j·v_j mod q.
 *
 * @param halves {@link centred} g
 * @param rows   rows of 24 words; v_j is the scalar at word `column`
 */
export function dotProduct(halves: Float64Array, rows: Float64Array, column: number): bigint {
  const lower = new Float64Array(2 * WORDS)
  const upper = new Float64Array(2 * WORDS)
  const plain = new Float64Array(WORDS)
  for (let j = 0, at = column; at < rows.length; j++, at += ROW) {
    multiplyAdd(lower, rows, at, halves, 2 * WORDS * j)
    multiplyAdd(upper, rows, at, halves, 2 * WORDS * j + WORDS)
    for (let k = 0; k < WORDS; k++) plain[k]! += rows[at + k]!
    if (j % ROWS_PER_CARRY !== 0) continue
    carryOver(lower)
    carryOver(upper)
  }
  const sum = scalarOfWords(lower) + (scalarOfWords(upper) << 16n) + CENTRE * scalarOfWords(plain)
  for (const secret of [lower, upper, plain]) secret.fill(0)
  return mod(sum)
}

/** sum += a·b as polynomials of 8 coefficients: written out, so that both factors stay in registers. */
function multiplyAdd(sum: Float64Array, a: Float64Array, at: number, b: Float64Array, bt: number): void {
  const [a0, a1, a2, a3] = [a[at]!, a[at + 1]!, a[at + 2]!, a[at + 3]!]
  const [a4, a5, a6, a7] = [a[at + 4]!, a[at + 5]!, a[at + 6]!, a[at + 7]!]
  const [b0, b1, b2, b3] = [b[bt]!, b[bt + 1]!, b[bt + 2]!, b[bt + 3]!]
  const [b4, b5, b6, b7] = [b[bt + 4]!, b[bt + 5]!, b[bt + 6]!, b[bt + 7]!]
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

function carryOver(sum: Float64Array): void {
  for (let k = 0; k < 2 * WORDS - 1; k++) {
    const carry = Math.floor(sum[k]! * 2 ** -32)
    sum[k]! -= carry * 2 ** 32
    sum[k + 1]! += carry
  }
}

/** Half words of a number, least significant first, each between −2^15 and 2^15: of x or x − q, whichever is smaller. */
function balanced(x: bigint): number[] {
  let rest = 2n * x > q ? x - q : x
  return Array.from({ length: 2 * WORDS }, (_, l) => {
    const half = l === 2 * WORDS - 1 ? rest : BigInt.asIntN(16, rest)
    rest = (rest - half) >> 16n
    return Number(half)
  })
}

/** c = 2^256 − q: nine half words. */
const C_HALVES = Float64Array.from({ length: 9 }, (_, l) =>
  Number(BigInt.asUintN(16, (2n ** 256n - q) >> BigInt(16 * l))),
)

/**
 * The factors of {@link combinations}: `θ_i·2^{32k} mod q` for i < 2 and k < 8. Entry `16·l + 8·i + k` is its half word l, so a
 * row times θ is 16 sums of 16 products, and hardly needs reducing.
 */
function factorsOf(thetas: readonly [bigint, bigint]): Float64Array {
  const table = new Float64Array(2 * WORDS * 2 * WORDS)
  for (const [i, theta] of thetas.entries()) {
    for (let k = 0, power = theta; k < WORDS; k++, power = (power << 32n) % q) {
      for (const [l, half] of balanced(power).entries()) table[16 * l + 8 * i + k] = half
    }
  }
  return table
}

/**
 * `v_2 + θ_0·v_0 + θ_1·v_1 mod q`, canonical, for every row (v_0, v_1, v_2).
 *
 * @param rows   rows of 24 words
 * @param thetas public
 * @returns 8 words per row
 */
export function combinations(rows: Float64Array, thetas: readonly [bigint, bigint]): Int32Array {
  const factors = factorsOf(thetas)
  const sums = new Float64Array(2 * WORDS)
  const v = new Float64Array(WORDS)
  const out = new Int32Array(rows.length / 3)
  for (let at = 0; at < rows.length; at += ROW) {
    sumsOfProducts(factors, rows, at, sums)
    pack(sums, v)
    for (let k = 0; k < WORDS; k++) v[k]! += rows[at + 2 * WORDS + k]!
    canonical(v, out, at / 3)
  }
  for (const secret of [sums, v]) secret.fill(0)
  return out
}

function sumsOfProducts(t: Float64Array, rows: Float64Array, at: number, sums: Float64Array): void {
  const [v0, v1, v2, v3] = [rows[at]!, rows[at + 1]!, rows[at + 2]!, rows[at + 3]!]
  const [v4, v5, v6, v7] = [rows[at + 4]!, rows[at + 5]!, rows[at + 6]!, rows[at + 7]!]
  const [w0, w1, w2, w3] = [rows[at + 8]!, rows[at + 9]!, rows[at + 10]!, rows[at + 11]!]
  const [w4, w5, w6, w7] = [rows[at + 12]!, rows[at + 13]!, rows[at + 14]!, rows[at + 15]!]
  for (let l = 0, i = 0; l < 2 * WORDS; l++, i += 16) {
    sums[l] =
      v0 * t[i]! +
      v1 * t[i + 1]! +
      v2 * t[i + 2]! +
      v3 * t[i + 3]! +
      v4 * t[i + 4]! +
      v5 * t[i + 5]! +
      v6 * t[i + 6]! +
      v7 * t[i + 7]! +
      w0 * t[i + 8]! +
      w1 * t[i + 9]! +
      w2 * t[i + 10]! +
      w3 * t[i + 11]! +
      w4 * t[i + 12]! +
      w5 * t[i + 13]! +
      w6 * t[i + 14]! +
      w7 * t[i + 15]!
  }
}

/** 16 half words below 2^51.4 as 8 words of the same number mod q, now between −2^258 and 2^258. */
function pack(halves: Float64Array, v: Float64Array): void {
  const quotient = Math.floor(halves[15]! * 2 ** -16 + halves[14]! * 2 ** -32)
  for (let l = 0; l < C_HALVES.length; l++) halves[l]! += quotient * C_HALVES[l]!
  let over = 0
  for (let k = 0; k < WORDS; k++) {
    const upper = halves[2 * k + 1]!
    const high = Math.floor(upper * 2 ** -16)
    v[k] = halves[2 * k]! + (upper - high * 2 ** 16) * 2 ** 16 + over
    over = high
  }
  v[7]! += (over - quotient) * 2 ** 32
}
