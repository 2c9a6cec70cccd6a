import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { WireError } from '@tandem/wire'

/** AES-256-GCM: 12 bytes of random IV, the ciphertext with its tag of 16 bytes behind it. */
export type Encrypted = { readonly iv: Uint8Array; readonly ciphertext: Uint8Array }

export const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16

/** @param key 32 bytes */
export function encryptAead(key: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Encrypted {
  const iv = new Uint8Array(randomBytes(IV_BYTES))
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad)
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
  return { iv, ciphertext: new Uint8Array(ciphertext) }
}

/** @throws {WireError} `INVALID_KEY_SHARE` for anything but what {@link encryptAead} made of the same key and data */
export function decryptAead(key: Uint8Array, aad: Uint8Array, { iv, ciphertext }: Encrypted): Uint8Array {
  const body = ciphertext.length - TAG_BYTES
  if (body < 0 || iv.length !== IV_BYTES || key.length !== KEY_BYTES) throw new WireError('INVALID_KEY_SHARE')
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES })
    .setAAD(aad)
    .setAuthTag(ciphertext.subarray(body))
  const plaintext = decipher.update(ciphertext.subarray(0, body))
  try {
    decipher.final()
    return Uint8Array.from(plaintext)
  } catch (cause) {
    throw new WireError('INVALID_KEY_SHARE', undefined, { cause })
  } finally {
    plaintext.fill(0)
  }
}
