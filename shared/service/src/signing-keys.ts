import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { calculateJwkThumbprint, type CryptoKey, exportJWK, generateKeyPair, importJWK } from 'jose'
import { z } from 'zod'
import { ConfigError } from './env.ts'

const point = z.string().regex(/^[A-Za-z0-9_-]{43}$/, '32 bytes as base64url')

/** An Ed25519 public key. A private one does not fit: there is no `d`. */
export const publicJwk = z.strictObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: point,
  /** RFC 7638 thumbprint */
  kid: point,
})
export type PublicJwk = z.infer<typeof publicJwk>

const privateJwk = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: point, d: point })

/** An Ed25519 key that signs tokens. The private half cannot be exported and does not print. */
export type SigningKey = { readonly kid: string; readonly publicJwk: PublicJwk; readonly privateKey: CryptoKey }

/**
 * Reads the key file, or makes one (mode 0600). Of several processes that start together, all get the same key.
 *
 * @param mounted the platform brings the file, and its mode is the platform's; none is made, for nobody would believe an
 *        instance with a key of its own
 * @throws {ConfigError} if others may read the file, it holds no Ed25519 JWK, or it is not where it should be mounted
 */
export async function loadOrCreateSigningKey(path: string, mounted = false): Promise<SigningKey> {
  const found = readPrivate(path, mounted)
  if (found !== undefined) return fromPrivateJwk(found, path)
  if (mounted) throw new ConfigError(`${path} is not there: on Cloud Run it is mounted, not made`)

  const { privateKey } = await generateKeyPair('EdDSA', { extractable: true })
  createPrivate(path, JSON.stringify(await exportJWK(privateKey)))
  return fromPrivateJwk(readPrivate(path, mounted) ?? '', path)
}

/** A key that lives as long as the process: for tests. */
export async function createSigningKey(): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair('EdDSA', { extractable: true })
  return fromPrivateJwk(JSON.stringify(await exportJWK(privateKey)), 'a fresh key')
}

async function fromPrivateJwk(text: string, path: string): Promise<SigningKey> {
  const jwk = parsePrivateJwk(text)
  if (jwk === undefined) throw new ConfigError(`${path} holds no Ed25519 private key as a JWK`)
  const kid = await calculateJwkThumbprint(jwk)
  const privateKey = await importJWK(jwk, 'EdDSA')
  if (privateKey instanceof Uint8Array) throw new ConfigError(`${path} holds a symmetric key`)
  return { kid, publicJwk: { kty: 'OKP', crv: 'Ed25519', x: jwk.x, kid }, privateKey }
}

function parsePrivateJwk(text: string): z.infer<typeof privateJwk> | undefined {
  try {
    return privateJwk.parse(JSON.parse(text))
  } catch {
    // what failed would quote the file
    return undefined
  }
}

function readPrivate(path: string, mounted: boolean): string | undefined {
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

/** Whole or not at all, and never over another: link() refuses to replace. */
function createPrivate(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${randomBytes(8).toString('hex')}`
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true })
  try {
    linkSync(draft, path)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  } finally {
    rmSync(draft)
  }
}

const hasCode = (error: unknown, code: string) =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === code
