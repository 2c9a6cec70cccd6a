import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import type { ShareSealer } from './device-share.ts'
import { TandemError } from '../errors.ts'

/** Who can open a backup: whoever knows a passphrase, or holds the private half of an age recipient (`age1…`). */
export type AgeLock = { readonly passphrase: string } | { readonly recipient: string }

/** What opens it: the passphrase, or an age identity (`AGE-SECRET-KEY-1…`). */
export type AgeKey = { readonly passphrase: string } | { readonly identity: string }

/** N = 2^17, r = 8, p = 1: OWASP's first choice for scrypt; 128 MiB, which a phone has. */
const SCRYPT_LOG_N = 17

/** What `age` itself writes on a fast machine. A file that asks for more is refused before any of it is computed: 2^20 is 1 GiB. */
const MAX_SCRYPT_LOG_N = 18

/** A share in an age file is below 700 bytes; more than one recipient, or an armoured copy, still fits. */
const MAX_FILE_BYTES = 16_384

/** Below this a passphrase is found by trying. */
const MIN_PASSPHRASE = 10

/** A fresh key pair of age. @returns `AGE-SECRET-KEY-1…`, kept offline, and `age1…`, which is public */
export async function createAgeIdentity(): Promise<{ readonly identity: string; readonly recipient: string }> {
  const identity = await generateX25519Identity()
  return { identity, recipient: await identityToRecipient(identity) }
}

/**
 * Seals a backup into an age file.
 *
 * @throws {TandemError} `BACKUP` for a passphrase below ten characters or a malformed recipient
 *
 * Source: docs/spec/backup.md, section 4; https://age-encryption.org/v1
 */
export function sealWithAge(lock: AgeLock): ShareSealer {
  return async (content) => {
    const encrypter = new Encrypter()
    if ('passphrase' in lock) {
      if (lock.passphrase.length < MIN_PASSPHRASE)
        throw unfit(`A passphrase needs ${MIN_PASSPHRASE} characters or more.`)
      encrypter.setPassphrase(lock.passphrase)
      encrypter.setScryptWorkFactor(SCRYPT_LOG_N)
    } else addRecipient(encrypter, lock.recipient)
    return encrypter.encrypt(content)
  }
}

/**
 * @returns the content of the file; the caller overwrites it
 * @throws {TandemError} `BACKUP` for a file that is no age file, asks for too much work, is damaged, or does not open
 */
export async function openAgeFile(file: Uint8Array, key: AgeKey): Promise<Uint8Array> {
  requireModest(file)
  const decrypter = new Decrypter()
  try {
    if ('passphrase' in key) decrypter.addPassphrase(key.passphrase)
    else decrypter.addIdentity(key.identity)
  } catch (cause) {
    throw unfit('This is not an age identity (AGE-SECRET-KEY-1…).', cause)
  }
  try {
    return await decrypter.decrypt(file)
  } catch (cause) {
    throw unfit('The age file does not open: another passphrase or identity, or a damaged file.', cause)
  }
}

function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient)
  } catch (cause) {
    throw unfit('This is not an age recipient (age1…).', cause)
  }
}

/** The header is public and comes first: `-> scrypt <salt> <log2 N>` in a line of its own. */
function requireModest(file: Uint8Array): void {
  if (file.length > MAX_FILE_BYTES) throw unfit('This file is too long for the backup of a share.')
  const text = Array.from(file, (byte) => String.fromCharCode(byte)).join('')
  if (!text.startsWith('age-encryption.org/v1\n')) throw unfit('This is not an age file.')
  const asked = /^-> scrypt \S+ (\d+)$/m.exec(text)?.[1]
  if (asked !== undefined && Number(asked) > MAX_SCRYPT_LOG_N) throw unfit('This age file asks for too much work.')
}

function unfit(message: string, cause?: unknown): TandemError {
  return new TandemError('BACKUP', message, { cause })
}
