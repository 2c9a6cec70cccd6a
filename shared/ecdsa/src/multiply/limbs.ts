import { q } from '../math/scalar.ts'

/**
 * Scalars as 8 words of 32 bits, least significant first, held as doubles. A word may be negative or a little too large:
 * every sum stays below 2^53 and is exact. Nothing branches on a value or uses one as an address, unless it says so.
 */

export const SCALAR_WORDS = 8
/** The three scalars of one OT, two for the inputs and one for the check. */
export const ROW_WORDS = 3 * SCALAR_WORDS

// What a module exports or imports is read anew in every turn of a loop; what it keeps to itself is a constant.
const WORDS = SCALAR_WORDS
const ROW = ROW_WORDS

/** Bound once: looked up as a global it costs more than the arithmetic around it where globals are intercepted. */
const floor = Math.floor

const Q = wordsOfScalar(q)
/** c = 2^256 − q, 129 bits */
const C = wordsOfScalar(2n ** 256n - q)

/** A number below 2^256 as words. */
export function wordsOfScalar(x: bigint): Float64Array {
  return Float64Array.from({ length: WORDS }, (_, k) => Number(BigInt.asUintN(32, x >> BigInt(32 * k))))
}

/** Words of any size and sign as a number, unreduced. */
export function scalarOfWords(words: Float64Array): bigint {
  let x = 0n
  for (let k = words.length - 1; k >= 0; k--) x = (x << 32n) + BigInt(words[k]!)
  return x
}

/**
 * v mod q, canonical. With Q = ⌊v/q⌋ that is `v + Q·c` less its multiple of 2^256. The upper words give an e that is Q or
 * Q + 1, and `⌊(v + e·c)/2^256⌋` is Q in both cases.
 *
 * @param v   8 words from `from` on, below 2^52.5 in size, together a number below 2^273 in size
 * @param out gets 8 words from `to` on
 */
export function canonical(v: Float64Array, from: number, out: Int32Array, to: number): void {
  const e = floor(v[from + 7]! * 2 ** -32 + v[from + 6]! * 2 ** -64 + 2 ** -32)
  let quotient = 0
  for (let k = 0; k < WORDS; k++) quotient = floor((v[from + k]! + e * C[k]! + quotient) * 2 ** -32)
  let carry = 0
  for (let k = 0; k < WORDS; k++) {
    const word = v[from + k]! + quotient * C[k]! + carry
    carry = floor(word * 2 ** -32)
    out[to + k] = word | 0
  }
}

/** {@link canonical} for one number after another. */
export function canonicalAll(v: Float64Array, out: Int32Array): void {
  for (let at = 0; at < v.length; at += WORDS) canonical(v, at, out, at)
}

/** Is each of these little-endian scalars below q? For public data: it stops at the first that is not. */
export function allCanonical(scalars: Uint32Array): boolean {
  for (let at = 0; at < scalars.length; at += WORDS) if (!belowOrder(scalars, at)) return false
  return true
}

function belowOrder(scalars: Uint32Array, at: number): boolean {
  for (let k = WORDS - 1; k >= 0; k--) {
    const difference = scalars[at + k]! - Q[k]!
    if (difference !== 0) return difference < 0
  }
  return false
}

/**
 * ã: `α^0 − α^1 + a`, canonical, for every row.
 *
 * @param a a row of scalars below q, added to all
 */
export function differences(alpha0: Float64Array, alpha1: Uint32Array, a: Float64Array, out: Int32Array): void {
  const v = new Float64Array(ROW)
  for (let row = 0; row < out.length; row += ROW) {
    for (let k = 0; k < ROW; k++) v[k] = alpha0[row + k]! - alpha1[row + k]! + a[k]!
    for (let k = 0; k < ROW; k += WORDS) canonical(v, k, out, row + k)
  }
  v.fill(0)
}
