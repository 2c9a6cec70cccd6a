import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TandemError } from '../errors.ts'
import type { Vault } from '../vault/vault.ts'

/**
 * One encrypted file per value: version(1) ‖ iv(12) ‖ ciphertext ‖ tag(16), AES-256-GCM, the name as associated data.
 * A write goes to a temporary file, is flushed, renamed over the old one, and the folder flushed: atomic and durable.
 *
 * @param directory made if absent, mode 0700
 * @param key       32 bytes, from the operating system's key store or a passphrase KDF
 */
export async function fileVault(directory: string, key: Uint8Array): Promise<Vault> {
  if (key.length !== 32) throw new TandemError('VAULT', 'A file vault needs a key of 32 bytes.')
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const pathOf = (name: string) => join(directory, `${Buffer.from(name).toString('hex')}.vault`)
  return {
    get: async (name) => {
      const bytes = await readFile(pathOf(name)).catch(absent)
      return bytes === undefined ? undefined : openValue(key, name, bytes)
    },
    put: async (name, value) => replaceFile(directory, pathOf(name), sealValue(key, name, value)),
    delete: async (name) => {
      await rm(pathOf(name), { force: true })
      await flush(directory)
    },
    list: async (prefix) =>
      (await readdir(directory))
        .filter((file) => file.endsWith('.vault'))
        .map((file) => Buffer.from(file.slice(0, -'.vault'.length), 'hex').toString())
        .filter((name) => name.startsWith(prefix))
        .sort(),
  }
}

const VERSION = 1

function sealValue(key: Uint8Array, name: string, value: Uint8Array): Uint8Array {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(name))
  return Buffer.concat([Uint8Array.of(VERSION), iv, cipher.update(value), cipher.final(), cipher.getAuthTag()])
}

function openValue(key: Uint8Array, name: string, bytes: Uint8Array): Uint8Array {
  try {
    if (bytes[0] !== VERSION || bytes.length < 29) throw new RangeError('not a vault file')
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1, 13)).setAAD(Buffer.from(name))
    decipher.setAuthTag(bytes.subarray(bytes.length - 16))
    return Uint8Array.from(Buffer.concat([decipher.update(bytes.subarray(13, bytes.length - 16)), decipher.final()]))
  } catch (cause) {
    throw new TandemError('VAULT', 'A vault file cannot be opened: wrong key, or damaged.', { cause })
  }
}

async function replaceFile(directory: string, path: string, bytes: Uint8Array): Promise<void> {
  const fresh = `${path}.${randomBytes(6).toString('hex')}.tmp`
  const file = await open(fresh, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(fresh, path)
  await flush(directory)
}

/** A rename is durable once its folder is. */
async function flush(directory: string): Promise<void> {
  const folder = await open(directory, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function absent(cause: unknown): undefined {
  if ((cause as { code?: string }).code === 'ENOENT') return undefined
  throw new TandemError('VAULT', 'The vault folder cannot be read.', { cause })
}
