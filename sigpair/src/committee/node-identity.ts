import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { fromBase64url, toHex } from '@tandem/wire'
import type { NodeName } from './network.ts'

/** Who a node is, to its peers and in every key it is a member of. */
export type NodeIdentity = {
  /** the public key as 0x-hex */
  readonly name: NodeName
  /** Ed25519, 32 bytes */
  readonly publicKey: Uint8Array
  readonly sign: (message: Uint8Array) => Uint8Array
  /** for a thread of ours: it can be handed over, and does not print */
  readonly key: KeyObject
}

/** DER in front of the 32 secret bytes. Source: RFC 8410, section 7. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** @param seed 32 bytes, which the caller wipes */
export function nodeIdentity(seed: Uint8Array): NodeIdentity {
  const der = Buffer.concat([PKCS8, seed])
  try {
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    const publicKey = fromBase64url(createPublicKey(key).export({ format: 'jwk' }).x ?? '')
    return { name: toHex(publicKey), publicKey, sign: (message) => new Uint8Array(sign(null, message, key)), key }
  } finally {
    der.fill(0)
  }
}
