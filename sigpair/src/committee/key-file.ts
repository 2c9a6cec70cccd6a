import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigError } from '@tandem/service'
import { fromBase64url } from '@tandem/wire'
import { z } from 'zod'

const secret = z.string().regex(/^[A-Za-z0-9_-]{43}$/)
const privateJwk = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: secret, d: secret })

/**
 * The Ed25519 seed of a node or a caller, out of a file with a private JWK.
 *
 * @returns 32 bytes, for the caller to wipe
 * @throws {ConfigError} if there is no such file, others may read it, or it holds something else; never quoting it
 */
export function readKeyFile(path: string): Uint8Array {
  const text = readPrivate(path)
  try {
    return fromBase64url(privateJwk.parse(JSON.parse(text)).d)
  } catch {
    // what failed would quote the file
    throw new ConfigError(`${path} holds no Ed25519 private key as a JWK`)
  }
}

/** A new key, in a new file with mode 0600. @throws {ConfigError} if there is such a file */
export function createKeyFile(path: string): void {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  try {
    writeFileSync(path, JSON.stringify(jwk), { mode: 0o600, flag: 'wx', flush: true })
  } catch (cause) {
    throw new ConfigError(`${path} cannot be written, or is there already`, { cause })
  }
}

function readPrivate(path: string): string {
  try {
    if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
      throw new ConfigError(`${path} can be read by others; chmod 600 it, and replace the key if they may have`)
    }
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause
    throw new ConfigError(`${path} cannot be read`, { cause })
  }
}
