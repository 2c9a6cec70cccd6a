import { createHash, createPublicKey, verify } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { native } from '@tandem/ec-native'

/** Who checked a signature, and what they found. */
export type Verdicts = {
  readonly noble: boolean
  readonly second: boolean
  readonly secondName: 'libsecp256k1' | 'OpenSSL'
}

/**
 * Two verifiers that share no code: noble, and libsecp256k1 where it loads, OpenSSL elsewhere.
 *
 * @param signature r ‖ s, 64 bytes
 * @param publicKey 33 bytes
 */
export function verifyTwice(signature: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): Verdicts {
  const noble = secp256k1.verify(signature, digest, publicKey, { prehash: false, lowS: true })
  const libsecp256k1 = native()
  if (libsecp256k1 !== undefined) {
    return { noble, second: libsecp256k1.verify(signature, digest, publicKey), secondName: 'libsecp256k1' }
  }
  return { noble, second: verifyWithOpenSsl(signature, digest, publicKey), secondName: 'OpenSSL' }
}

const { Point } = secp256k1
const { Fn } = Point

/** Any message will do. */
const MESSAGE = Buffer.from('tandem')

/**
 * Node lends OpenSSL's ECDSA only with a hash of its own, so the key is moved instead of the digest: with z′ the hash of
 * some message, s·R = z·G + r·Q says the same as s·R = z′·G + r·(Q + (z − z′)/r·G).
 */
export function verifyWithOpenSsl(signature: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): boolean {
  const r = scalarOf(signature.subarray(0, 32))
  if (Fn.is0(r)) return false
  const shift = Fn.div(Fn.sub(scalarOf(digest), scalarOf(createHash('sha256').update(MESSAGE).digest())), r)
  const moved = Point.fromBytes(publicKey).add(Point.BASE.multiplyUnsafe(shift)).toBytes(false)

  const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
  const jwk = { kty: 'EC', crv: 'secp256k1', x: b64(moved.slice(1, 33)), y: b64(moved.slice(33)) }
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  return verify('sha256', MESSAGE, { key, dsaEncoding: 'ieee-p1363' }, signature)
}

function scalarOf(bytes: Uint8Array): bigint {
  return Fn.create(BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
}
