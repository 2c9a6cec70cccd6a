import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigError } from '@tandem/service'

/** Where a sealed value belongs: it opens nowhere else. */
export type Place = {
  readonly purpose: string
  /** the user, as `issuer|subject` */
  readonly owner: string
}

/** Keeps what the backend must be able to read again and a copy of its database must not. */
export type Secrets = {
  readonly seal: (place: Place, plain: Uint8Array) => Uint8Array
  /** @throws {Error} unless it was sealed by us, for this place */
  readonly open: (place: Place, sealed: Uint8Array) => Uint8Array
  readonly sealText: (place: Place, plain: string) => string
  readonly openText: (place: Place, sealed: string) => string
  /** HMAC-SHA-256 as base64url: recognises a value without keeping it */
  readonly tag: (place: Place, value: string) => string
}

const VERSION = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** @param master 32 random bytes */
export function secretsUnder(master: Uint8Array): Secrets {
  const derive = (info: string) => new Uint8Array(hkdfSync('sha256', master, new Uint8Array(0), info, 32))
  const sealing = derive('tandem/functions/seal/v1')
  const tagging = derive('tandem/functions/tag/v1')
  const seal = (place: Place, plain: Uint8Array) => sealUnder(sealing, bytesOf(place), plain)
  const open = (place: Place, sealed: Uint8Array) => openUnder(sealing, bytesOf(place), sealed)
  return {
    seal,
    open,
    sealText: (place, plain) => Buffer.from(seal(place, Buffer.from(plain))).toString('base64url'),
    openText: (place, sealed) => Buffer.from(open(place, Buffer.from(sealed, 'base64url'))).toString(),
    tag: (place, value) => createHmac('sha256', tagging).update(bytesOf(place)).update(value).digest('base64url'),
  }
}

/** version(1) ‖ nonce(12) ‖ ciphertext ‖ tag(16): AES-256-GCM with the place as associated data. */
function sealUnder(key: Uint8Array, place: Uint8Array, plain: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(place)
  return Uint8Array.from(
    Buffer.concat([Uint8Array.of(VERSION), nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]),
  )
}

function openUnder(key: Uint8Array, place: Uint8Array, sealed: Uint8Array): Uint8Array {
  const bodyAt = 1 + NONCE_BYTES
  if (sealed[0] !== VERSION || sealed.length < bodyAt + TAG_BYTES) throw new Error('not a sealed value of ours')
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, bodyAt), { authTagLength: TAG_BYTES })
  decipher.setAAD(place).setAuthTag(sealed.subarray(-TAG_BYTES))
  return Uint8Array.from(Buffer.concat([decipher.update(sealed.subarray(bodyAt, -TAG_BYTES)), decipher.final()]))
}

/** Unambiguous: the purpose is ours and holds no line end. */
const bytesOf = ({ purpose, owner }: Place) => Buffer.from(`${purpose}\n${owner}\n`)

/**
 * Reads the key file (64 hex digits), or makes one with mode 0600. Of several processes that start together, all get the
 * same key.
 *
 * @param mounted the platform brings the file, and its mode is the platform's; none is made, for what one instance seals
 *        the others must open
 * @throws {ConfigError} if others may read the file, it holds no key, or it is not where it should be mounted
 */
export function loadOrCreateSecrets(path: string, mounted = false): Secrets {
  const found = read(path, mounted)
  if (found === undefined && mounted)
    throw new ConfigError(`${path} is not there: on Cloud Run it is mounted, not made`)
  const text = found ?? create(path)
  if (!/^[0-9a-f]{64}\n?$/.test(text)) throw new ConfigError(`${path} holds no key of 64 hex digits`)
  return secretsUnder(Buffer.from(text.trim(), 'hex'))
}

function read(path: string, mounted: boolean): string | undefined {
  try {
    const text = readFileSync(path, 'utf8')
    if (!mounted && process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0)
      throw new ConfigError(`${path} can be read by others; chmod 600 it, and replace the key if they may have`)
    return text
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Whole or not at all, and never over another's: link() refuses to replace. */
function create(path: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${randomBytes(8).toString('hex')}`
  writeFileSync(draft, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx', flush: true })
  try {
    linkSync(draft, path)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  } finally {
    rmSync(draft)
  }
  return read(path, false) ?? ''
}

const hasCode = (error: unknown, code: string) =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === code
