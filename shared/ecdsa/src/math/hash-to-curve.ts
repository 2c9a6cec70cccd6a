import { secp256k1 } from '@noble/curves/secp256k1.js'
import { ascii, UsageError } from '@tandem/rounds'
import { concat } from './bytes.ts'
import { fromBytesBE } from './scalar.ts'

// RFC 9380, secp256k1_XMD:SHA-256_SSWU_RO_, rearranged so that both halves of the map stay fractions: noble inverts
// three times per point, this needs no inversion in the portable backend and one in the native one.

/** The field of secp256k1. */
export const p = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn

// E′: y² = x³ + A·x + B, 3-isogenous to secp256k1; Z is the non-square of the map. RFC 9380, 8.7.
const A = 0x3f8731abdd661adca08a5558f0f5d272e953d363cb6f0e5d405447c01a444533n
const B = 1771n
const Z = p - 11n
const ROOT_OF_MINUS_Z = 0x31fdf302724013e57ad13fb38f842afeec184f00a74789dd286729c8303c4a59n

// RFC 9380, E.1. Its denominators are (x − x_T)² and (x − x_T)³: the kernel of the isogeny is {O, ±T}.
const X_T = 0x89291c84de3e11f1041da6957255eed5fc964a4df050df221d6ad4ce6ab9c5a5n
const X_NUM = [
  0x8e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38daaaaa8c7n,
  0x7d3d4c80bc321d5b9f315cea7fd44c5d595d2fc0bf63b92dfff1044f17c6581n,
  0x534c328d23f234e6e2a413deca25caece4506144037c40314ecbd0b53d9dd262n,
  0x8e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38daaaaa88cn,
] as const
const Y_NUM = [
  0x4bda12f684bda12f684bda12f684bda12f684bda12f684bda12f684b8e38e23cn,
  0xc75e0c32d5cb7c0fa9d0a54b12a0a6d5647ab046d686da6fdffc90fc201d71a3n,
  0x29a6194691f91a73715209ef6512e576722830a201be2018a765e85a9ecee931n,
  0x2f684bda12f684bda12f684bda12f684bda12f684bda12f684bda12f38e38d84n,
] as const

/** Two uniform field elements. RFC 9380, 5.2 and 5.3.1 with SHA-256, L = 48. */
export function hashToField(
  sha256: (data: Uint8Array) => Uint8Array,
  message: Uint8Array,
  domain: string,
): readonly [bigint, bigint] {
  if (domain.length === 0 || domain.length > 255) throw new UsageError('a domain tag has 1 to 255 characters')
  const dst = Uint8Array.of(...ascii(domain), domain.length)
  const b0 = sha256(concat(new Uint8Array(64), message, Uint8Array.of(0, 96, 0), dst))
  const b1 = sha256(concat(b0, Uint8Array.of(1), dst))
  const b2 = sha256(concat(xor(b0, b1), Uint8Array.of(2), dst))
  const b3 = sha256(concat(xor(b0, b2), Uint8Array.of(3), dst))
  const element = (high: Uint8Array, low: Uint8Array) => fromBytesBE(concat(high, low)) % p
  return [element(b1, b2.subarray(0, 16)), element(b2.subarray(16), b3)]
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ b[i]!)
}

/**
 * The two x = n/d of E′ of which the map takes the first that lies on the curve; one of them always does.
 * RFC 9380, 6.6.2 without its last division.
 */
export type SwuCandidates = {
  readonly n1: bigint
  readonly n2: bigint
  readonly d: bigint
  /** Z·u² = n2/n1 */
  readonly zu2: bigint
}

export function swuCandidates(u: bigint): SwuCandidates {
  const zu2 = (((u * u) % p) * Z) % p
  const t = (zu2 * zu2 + zu2) % p
  const n1 = ((t + 1n) * B) % p
  return { n1, n2: (zu2 * n1) % p, d: (A * (t === 0n ? Z : p - t)) % p, zu2 }
}

/** The isogeny E′ → E at (n/d, y): X = xNum/(d·w²), Y = y·yNum/w³. */
export type IsogenyImage = { readonly xNum: bigint; readonly yNum: bigint; readonly w: bigint }

export function isogeny(n: bigint, d: bigint): IsogenyImage {
  const nn = (n * n) % p
  const dd = (d * d) % p
  const terms = [(dd * d) % p, (n * dd) % p, (nn * d) % p, (nn * n) % p] as const
  return { xNum: dot(X_NUM, terms), yNum: dot(Y_NUM, terms), w: (n + p - ((X_T * d) % p)) % p }
}

type Four = readonly [bigint, bigint, bigint, bigint]

function dot(k: Four, x: Four): bigint {
  return (k[0] * x[0] + k[1] * x[1] + k[2] * x[2] + k[3] * x[3]) % p
}

/** One element of the field to projective (X : Y : Z) on secp256k1, without an inversion. */
export function mapToCurve(u: bigint): { readonly X: bigint; readonly Y: bigint; readonly Z: bigint } {
  const { n1, n2, d, zu2 } = swuCandidates(u)
  const { square, root } = rootOfG(n1, d)
  const other = (((((zu2 * u) % p) * root) % p) * ROOT_OF_MINUS_Z) % p
  const y = square ? root : other
  const { xNum, yNum, w } = isogeny(square ? n1 : n2, d)
  const signed = (y & 1n) === (u & 1n) ? y : p - y
  return { X: (xNum * w) % p, Y: (((signed * yNum) % p) * d) % p, Z: (((((w * w) % p) * w) % p) * d) % p }
}

/** √g(n/d) on E′, or √−g(n/d) where g is not a square. RFC 9380, F.2.1.2 without its last line. */
function rootOfG(n: bigint, d: bigint): { readonly square: boolean; readonly root: bigint } {
  const dd = (d * d) % p
  const V = (dd * d) % p
  const U = (((n * n) % p) * n + ((A * n) % p) * dd + B * V) % p
  const UV = (U * V) % p
  const root = (UV * powP34((UV * ((V * V) % p)) % p)) % p
  return { square: (((root * root) % p) * V) % p === U, root }
}

/** x^((p−3)/4): 223 ones, 0, 22 ones, 0000, 1, 0, 11. */
function powP34(x: bigint): bigint {
  const x2 = times(x, 1, x)
  const x3 = times(x2, 1, x)
  const x6 = times(x3, 3, x3)
  const x9 = times(x6, 3, x3)
  const x11 = times(x9, 2, x2)
  const x22 = times(x11, 11, x11)
  const x44 = times(x22, 22, x22)
  const x88 = times(x44, 44, x44)
  const x176 = times(x88, 88, x88)
  const x220 = times(x176, 44, x44)
  const x223 = times(x220, 3, x3)
  return times(times(times(x223, 23, x22), 5, x), 3, x2)
}

/** x^(2^n)·y */
function times(x: bigint, n: number, y: bigint): bigint {
  let r = x
  for (let i = 0; i < n; i++) r = (r * r) % p
  return (r * y) % p
}

/** All inverses for the price of one; the inverse of 0 is 0. */
export function invertAll(values: readonly bigint[]): bigint[] {
  const out: bigint[] = []
  let product = 1n
  for (const v of values) {
    out.push(product)
    if (v !== 0n) product = (product * v) % p
  }
  let inverse = secp256k1.Point.Fp.inv(product)
  for (let i = values.length - 1; i >= 0; i--) {
    const v = values[i]!
    out[i] = v === 0n ? 0n : (out[i]! * inverse) % p
    if (v !== 0n) inverse = (inverse * v) % p
  }
  return out
}
