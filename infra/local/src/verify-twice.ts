import { createPublicKey, verify } from 'node:crypto'
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

/** OpenSSL hashes by itself, except under the null digest. */
export function verifyWithOpenSsl(signature: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): boolean {
  const point = secp256k1.Point.fromBytes(publicKey).toBytes(false)
  const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
  const jwk = { kty: 'EC', crv: 'secp256k1', x: b64(point.slice(1, 33)), y: b64(point.slice(33)) }
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  return verify(null, digest, { key, dsaEncoding: 'ieee-p1363' }, signature)
}
