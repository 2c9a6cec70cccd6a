import { createPublicKey, verify } from 'node:crypto'

/** DER in front of the 32 bytes of a public key. Source: RFC 8410, section 4. */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

/** RFC 8032. False for anything malformed. */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  try {
    const key = createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' })
    return verify(null, message, key, signature)
  } catch {
    return false
  }
}
