import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto'
import { type Dh, fromBase64url } from '@tandem/wire'

/** DER in front of the 32 bytes of a private and of a public key. Source: RFC 8410. */
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')
const SPKI = Buffer.from('302a300506032b656e032100', 'hex')

/** X25519 by OpenSSL: a handshake needs five multiplications, on the thread that serves every socket. */
export const openssl: Dh = {
  sharedSecret: (secretKey, publicKey) =>
    new Uint8Array(diffieHellman({ privateKey: privateKeyOf(secretKey), publicKey: publicKeyOf(publicKey) })),
  publicKey: (secretKey) => fromBase64url(createPublicKey(privateKeyOf(secretKey)).export({ format: 'jwk' }).x ?? ''),
}

function privateKeyOf(secretKey: Uint8Array): KeyObject {
  const key = Buffer.concat([PKCS8, secretKey])
  try {
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
  } finally {
    key.fill(0)
  }
}

function publicKeyOf(publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' })
}
