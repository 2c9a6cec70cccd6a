import type { Rng } from '@tandem/rounds'

declare const point: unique symbol

/** A point of secp256k1 as its backend holds it, the identity included. Never mixed between backends. */
export type Point = { readonly [point]: never }

/**
 * The arithmetic a host lends to the protocol: curve, SHA-2, Ed25519, X25519. Two exist, with identical results: noble
 * (everywhere) and libsecp256k1 with Node's OpenSSL (servers).
 *
 * A scalar is a bigint in 0..q−1. `mul` and `mulBase` are for secrets and take the same time for every scalar as far as
 * the platform allows; the methods whose names say `Public` are variable-time and only ever see public data.
 */
export interface Backend {
  readonly name: 'noble' | 'native'

  sha256(data: Uint8Array): Uint8Array
  sha512(data: Uint8Array): Uint8Array
  hmacSha512(key: Uint8Array, data: Uint8Array): Uint8Array

  /** @throws {RangeError} unless `bytes` is exactly 33 bytes, compressed SEC1, x < p, on the curve */
  decode(bytes: Uint8Array): Point
  /** 33 bytes, compressed SEC1. @throws {RangeError} for the identity */
  encode(P: Point): Uint8Array
  /** As {@link encode} for many points at once: one inversion for all. */
  encodeAll(points: readonly Point[]): Uint8Array[]
  readonly identity: Point
  isIdentity(P: Point): boolean
  equal(P: Point, Q: Point): boolean
  add(P: Point, Q: Point): Point
  negate(P: Point): Point

  /** k·G, secret k. */
  mulBase(k: bigint): Point
  /** k·P, secret k. */
  mul(P: Point, k: bigint): Point
  /** A multiplier for many secret scalars on one point; worth it from about 16 uses. */
  fixed(P: Point): (k: bigint) => Point
  /** k·P, public k. */
  mulPublic(P: Point, k: bigint): Point

  /** RFC 9380, secp256k1_XMD:SHA-256_SSWU_RO_ under the given domain tag. */
  hashToCurve(message: Uint8Array, domain: string): Point
  /** A uniformly random group element whose discrete logarithm nobody knows. */
  randomPoint(rng: Rng): Point

  /** ECDSA over a 32-byte digest (no hashing), 64-byte compact signature; high s is refused. */
  verify(signature: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): boolean
  /** The compressed public key a 64-byte signature and recovery id 0..3 lead to, or undefined. */
  recover(signature: Uint8Array, recovery: number, digest: Uint8Array): Uint8Array | undefined

  /** RFC 8032. False for anything malformed. */
  ed25519Verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
}
