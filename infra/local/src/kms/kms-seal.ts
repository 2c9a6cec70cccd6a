import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'

/** AES-256, from a file of 64 hex digits that lives apart from what it seals. */
export type SealKey = Uint8Array

const FORMAT = 'tandem-kms-sealed/1'
const IV_BYTES = 12
const TAG_BYTES = 16

/** Its owner alone may read a key: 0400 or 0600. */
const OTHERS = 0o077

/** @throws {Error} if others may read the file, or it is not 64 hex digits; what it holds is never quoted */
export function readSealKey(path: string): SealKey {
  if ((statSync(path).mode & OTHERS) !== 0) throw new Error(`${path} can be read by others; chmod 400 it`)
  const text = readFileSync(path, 'utf8').trim()
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new Error(`${path} holds no key: 64 hex digits, as openssl rand -hex 32`)
  return Uint8Array.from(Buffer.from(text, 'hex'))
}

/** Key material as it is on the disk: AES-256-GCM under the seal key, a fresh iv for every write. */
export function sealText(text: string, key: SealKey): string {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(FORMAT))
  const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return JSON.stringify({ format: FORMAT, sealed: sealed.toString('base64') })
}

/** @throws {Error} for a file in the clear, another key, or a changed byte */
export function openText(file: string, key: SealKey): string {
  const body = sealedIn(file)
  if (body === undefined) throw new Error('a seal key was given and the file of the KMS is in the clear')
  if (body.length < IV_BYTES + TAG_BYTES) throw new Error('the file of the KMS is cut short')
  const cipher = createDecipheriv('aes-256-gcm', key, body.subarray(0, IV_BYTES))
    .setAAD(Buffer.from(FORMAT))
    .setAuthTag(body.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([cipher.update(body.subarray(IV_BYTES, -TAG_BYTES)), cipher.final()]).toString('utf8')
  } catch {
    throw new Error('the file of the KMS does not open under this seal key')
  }
}

export const isSealed = (file: string) => sealedIn(file) !== undefined

function sealedIn(file: string): Buffer | undefined {
  const { format, sealed } = JSON.parse(file) as { format?: unknown; sealed?: unknown }
  return format === FORMAT && typeof sealed === 'string' ? Buffer.from(sealed, 'base64') : undefined
}
