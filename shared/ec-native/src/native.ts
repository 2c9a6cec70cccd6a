import { createHmac, hash } from 'node:crypto'
import { type Backend, type Point, randomPoint, toBytes32 } from '@tandem/ecdsa'
import { type Addon, loadAddon } from './addon.ts'
import { ed25519Verify } from './ed25519.ts'
import { hashToCurve } from './hash-to-curve.ts'

// A point is its 65-byte SEC1 form; the identity, which has none, is one zero byte.
const IDENTITY = new Uint8Array(1)

/** The addon's word for P + (−P). */
const SUM_IS_IDENTITY = 2

const inside = (P: Point) => P as unknown as Uint8Array
const outside = (P: Uint8Array) => P as unknown as Point

let backend: Backend | undefined

/**
 * The backend of servers: libsecp256k1 for the curve, OpenSSL for SHA-2 and Ed25519. Same results as noble's.
 *
 * @returns undefined where the addon has no binary for this machine; the caller then uses noble
 */
export function native(): Backend | undefined {
  backend ??= backendOn(loadAddon())
  return backend
}

function backendOn(addon: Addon | undefined): Backend | undefined {
  if (addon === undefined) return undefined
  return { name: 'native', ...digests, ...points(addon), ...multiplications(addon), ...ecdsa(addon), ed25519Verify }
}

/** A plain Uint8Array over its own memory: a Buffer may share a pool and prints differently. */
const sha256 = (data: Uint8Array) => new Uint8Array(hash('sha256', data, 'buffer'))

const digests = {
  sha256,
  sha512: (data: Uint8Array) => new Uint8Array(hash('sha512', data, 'buffer')),
  hmacSha512: (key: Uint8Array, data: Uint8Array) => new Uint8Array(createHmac('sha512', key).update(data).digest()),
}

function points(addon: Addon) {
  const decode = (bytes: Uint8Array) => {
    // libsecp256k1 would take the 65-byte form too
    if (bytes.length !== 33) throw new RangeError('a point is 33 bytes')
    const P = new Uint8Array(65)
    if (addon.publicKeyConvert(P, bytes) !== 0) throw new RangeError('not a point of secp256k1')
    return outside(P)
  }
  const encode = (P: Point) => {
    if (isIdentity(P)) throw new RangeError('the identity has no encoding')
    const bytes = inside(P).slice(0, 33)
    bytes[0] = 2 | (inside(P)[64]! & 1)
    return bytes
  }
  const negate = (P: Point) => {
    if (isIdentity(P)) return P
    const out = new Uint8Array(65)
    must(addon.publicKeyNegate(out, inside(P)))
    return outside(out)
  }
  const add = (P: Point, Q: Point) => {
    if (isIdentity(P)) return Q
    if (isIdentity(Q)) return P
    const out = new Uint8Array(65)
    const status = addon.publicKeyCombine(out, [inside(P), inside(Q)])
    if (status === SUM_IS_IDENTITY) return outside(IDENTITY)
    must(status)
    return outside(out)
  }
  return {
    decode,
    encode,
    encodeAll: (Ps: readonly Point[]) => Ps.map(encode),
    identity: outside(IDENTITY),
    isIdentity,
    equal,
    add,
    negate,
    hashToCurve: (message: Uint8Array, domain: string) => outside(hashToCurve(addon, sha256, message, domain)),
    randomPoint: (rng: (n: number) => Uint8Array) => randomPoint(decode, rng),
  }
}

const isIdentity = (P: Point) => inside(P).length === 1

function equal(P: Point, Q: Point): boolean {
  const a = inside(P)
  const b = inside(Q)
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

function multiplications(addon: Addon) {
  const mulBase = (k: bigint) => {
    if (k === 0n) return outside(IDENTITY)
    const out = new Uint8Array(65)
    withScalar(k, (scalar) => addon.publicKeyCreate(out, scalar))
    return outside(out)
  }
  // The constant-time entry of libsecp256k1 for a point that is not G is ECDH; its "hash" hands the point out.
  const mul = (P: Point, k: bigint) => {
    if (k === 0n || isIdentity(P)) return outside(IDENTITY)
    const x = new Uint8Array(32)
    const y = new Uint8Array(32)
    const out = new Uint8Array(65)
    withScalar(k, (scalar) => addon.ecdh(out, inside(P), scalar, undefined, uncompressed, x, y))
    return outside(out)
  }
  const mulPublic = (P: Point, k: bigint) => {
    if (k === 0n || isIdentity(P)) return outside(IDENTITY)
    const out = new Uint8Array(65)
    withScalar(k, (scalar) => addon.publicKeyTweakMul(out, inside(P), scalar))
    return outside(out)
  }
  return { mulBase, mul, fixed: (P: Point) => (k: bigint) => mul(P, k), mulPublic }
}

function uncompressed(x: Uint8Array, y: Uint8Array): Uint8Array {
  const out = new Uint8Array(65)
  out[0] = 4
  out.set(x, 1)
  out.set(y, 33)
  return out
}

/** The addon refuses scalars of q and above. */
function withScalar(k: bigint, act: (scalar: Uint8Array) => number): void {
  const scalar = toBytes32(k)
  try {
    must(act(scalar))
  } finally {
    scalar.fill(0)
  }
}

function must(status: number): void {
  if (status !== 0) throw new RangeError('scalar or point out of range')
}

function ecdsa(addon: Addon) {
  const fits = (signature: Uint8Array, digest: Uint8Array) => signature.length === 64 && digest.length === 32
  return {
    verify: (signature: Uint8Array, digest: Uint8Array, publicKey: Uint8Array) =>
      fits(signature, digest) && publicKey.length === 33 && addon.ecdsaVerify(signature, digest, publicKey) === 0,
    recover(signature: Uint8Array, recovery: number, digest: Uint8Array) {
      if (!fits(signature, digest) || ![0, 1, 2, 3].includes(recovery)) return undefined
      const key = new Uint8Array(33)
      return addon.ecdsaRecover(key, signature, recovery, digest) === 0 ? key : undefined
    },
  }
}
