import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto'
import type { Dh } from '../../shared/wire/src/noise.ts'

const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')
const SPKI = Buffer.from('302a300506032b656e032100', 'hex')

const secret = (bytes: Uint8Array) =>
  createPrivateKey({ key: Buffer.concat([PKCS8, bytes]), format: 'der', type: 'pkcs8' })

/** X25519 of OpenSSL, as a server may lend it. */
export const nodeDh: Dh = {
  sharedSecret: (secretKey, publicKey) => {
    const theirs = createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' })
    return new Uint8Array(diffieHellman({ privateKey: secret(secretKey), publicKey: theirs }))
  },
  publicKey: (secretKey) => {
    const key = createPublicKey(secret(secretKey)).export({ format: 'der', type: 'spki' })
    return new Uint8Array(key.subarray(SPKI.length))
  },
}
