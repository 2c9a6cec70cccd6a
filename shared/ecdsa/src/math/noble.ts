import { ed25519 } from '@noble/curves/ed25519.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import type { Rng } from '@tandem/rounds'
import type { Backend, Point } from './backend.ts'
import { concat, equalBytes } from './bytes.ts'
import { hashToField, invertAll, mapToCurve } from './hash-to-curve.ts'
import { fromBytesBE, toBytes32 } from './scalar.ts'

const Curve = secp256k1.Point
type CurvePoint = InstanceType<typeof Curve>

const inside = (P: Point) => P as unknown as CurvePoint
const outside = (P: CurvePoint) => P as unknown as Point

/** Window of the tables of {@link Backend.fixed}: 78·16 points, made once, then 78 additions per scalar. */
const FIXED_WINDOW = 5

/** The portable backend: runs wherever JavaScript does. Secret multiplications go through noble's blinded path only. */
export const noble: Backend = {
  name: 'noble',
  sha256,
  sha512,
  hmacSha512: (key, data) => hmac(sha512, key, data),

  decode,
  encode: (P) => encode(inside(P)),
  encodeAll: (points) => normalized(points.map(inside)).map(encode),
  identity: outside(Curve.ZERO),
  isIdentity: (P) => inside(P).is0(),
  equal: (P, Q) => inside(P).equals(inside(Q)),
  add: (P, Q) => outside(inside(P).add(inside(Q))),
  negate: (P) => outside(inside(P).negate()),

  mulBase: (k) => multiply(Curve.BASE, k),
  mul: (P, k) => multiply(inside(P), k),
  fixed(P) {
    if (inside(P).is0()) return () => outside(Curve.ZERO)
    // A copy, so that the tables die with the multiplier and not with the caller's point.
    const own = Curve.fromAffine(inside(P).toAffine()).precompute(FIXED_WINDOW)
    return (k) => multiply(own, k)
  },
  // Public data only: variable-time multiplication is safe here.
  mulPublic: (P, k) => outside(inside(P).multiplyUnsafe(k)),

  hashToCurve(message, domain) {
    const [Q0, Q1] = hashToField(sha256, message, domain).map((u) => {
      const { X, Y, Z } = mapToCurve(u)
      return new Curve(X, Y, Z)
    }) as [CurvePoint, CurvePoint]
    return outside(Q0.add(Q1))
  },
  randomPoint: (rng) => randomPoint(decode, rng),

  verify(signature, digest, publicKey) {
    if (signature.length !== 64 || digest.length !== 32 || publicKey.length !== 33) return false
    return secp256k1.verify(signature, digest, publicKey, { prehash: false, lowS: true })
  },
  recover(signature, recovery, digest) {
    if (signature.length !== 64 || digest.length !== 32) return undefined
    try {
      const bound = secp256k1.Signature.fromBytes(signature, 'compact').addRecoveryBit(recovery)
      return bound.recoverPublicKey(digest).toBytes(true)
    } catch {
      return undefined
    }
  },
  ed25519Verify,
}

/** Every backend's {@link Backend.randomPoint}: x and sign from the generator until x is on the curve. */
export function randomPoint(decode: (bytes: Uint8Array) => Point, rng: Rng): Point {
  for (;;) {
    const bytes = rng(33)
    bytes[0] = 2 | (bytes[0]! & 1)
    try {
      return decode(bytes)
    } catch {
      // about every second x has no point above it
    }
  }
}

function decode(bytes: Uint8Array): Point {
  // noble would take the 65-byte form too
  if (bytes.length !== 33) throw new RangeError('a point is 33 bytes')
  try {
    return outside(Curve.fromBytes(bytes))
  } catch {
    throw new RangeError('not a point of secp256k1')
  }
}

function encode(P: CurvePoint): Uint8Array {
  if (P.is0()) throw new RangeError('the identity has no encoding')
  const { x, y } = P.toAffine()
  const bytes = new Uint8Array(33)
  bytes[0] = 2 | Number(y & 1n)
  bytes.set(toBytes32(x), 1)
  return bytes
}

function normalized(points: CurvePoint[]): CurvePoint[] {
  if (points.some((P) => P.is0())) throw new RangeError('the identity has no encoding')
  const inverses = invertAll(points.map((P) => P.Z))
  return points.map((P, i) => Curve.fromAffine(P.toAffine(inverses[i])))
}

function multiply(P: CurvePoint, k: bigint): Point {
  if (k === 0n || P.is0()) return outside(Curve.ZERO)
  return outside(P.multiply(k))
}

/**
 * RFC 8032, 5.1.7 without the cofactor: canonical encodings, s < L, no key of small order, and R = s·B − k·A to the
 * byte. OpenSSL checks that equation, so both backends agree on every signature.
 */
function ed25519Verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false
  try {
    const R = signature.subarray(0, 32)
    const s = fromBytesBE(signature.slice(32).reverse())
    const A = ed25519.Point.fromBytes(publicKey)
    if (A.isSmallOrder()) return false
    const k = fromBytesBE(sha512(concat(R, publicKey, message)).reverse()) % ed25519.Point.Fn.ORDER
    // All inputs are public; s out of range throws.
    return equalBytes(ed25519.Point.BASE.multiplyUnsafe(s).subtract(A.multiplyUnsafe(k)).toBytes(), R)
  } catch {
    return false
  }
}
