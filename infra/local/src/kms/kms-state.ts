import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { status } from '@grpc/grpc-js'
import { p256 } from '@noble/curves/nist.js'
import { isSealed, openText, type SealKey, sealText } from './kms-seal.ts'

export type VersionState = 'ENABLED' | 'DISABLED' | 'DESTROY_SCHEDULED' | 'DESTROYED'

export type KeyVersion = {
  readonly state: VersionState
  /** ms since the epoch */
  readonly createdAt: number
  readonly destroyAt: number | null
  /** 32 bytes as base64: an AES key, or a scalar of P-256; null once destroyed */
  readonly material: string | null
}

/** Version n is `versions[n − 1]`: numbers are never used again. */
export type CryptoKey = {
  /** absent: ENCRYPT_DECRYPT */
  readonly purpose?: 'ASYMMETRIC_SIGN'
  readonly createdAt: number
  readonly primary: number | null
  readonly versions: readonly KeyVersion[]
}

/** Everything the local KMS knows, by full resource name. */
export type KmsState = {
  readonly keyRings: Readonly<Record<string, { readonly createdAt: number }>>
  readonly cryptoKeys: Readonly<Record<string, CryptoKey>>
}

/** Key material at rest: one JSON file, mode 0600, sealed if there is a key for that. A change is on the disk before it is answered. */
export type KmsFile = {
  readonly state: () => KmsState
  readonly change: (next: KmsState) => void
}

export function openKmsFile(path: string, sealKey?: SealKey): KmsFile {
  let state = existsSync(path) ? load(path, sealKey) : { keyRings: {}, cryptoKeys: {} }
  return {
    state: () => state,
    change: (next) => {
      save(path, next, sealKey)
      state = next
    },
  }
}

export function newVersion(now: number): KeyVersion {
  return { state: 'ENABLED', createdAt: now, destroyAt: null, material: randomBytes(32).toString('base64') }
}

/** A version of a key of purpose ASYMMETRIC_SIGN: its material is the scalar. */
export function newSigningVersion(now: number): KeyVersion {
  const material = Buffer.from(p256.utils.randomSecretKey()).toString('base64')
  return { state: 'ENABLED', createdAt: now, destroyAt: null, material }
}

/** @throws a gRPC error, as Cloud KMS answers it */
export function refuse(code: status, message: string): never {
  throw Object.assign(new Error(message), { code })
}

export function isSigningKey({ purpose }: Pick<CryptoKey, 'purpose'>): boolean {
  return purpose === 'ASYMMETRIC_SIGN'
}

export function cryptoKeyNamed(state: KmsState, name: string): CryptoKey {
  return state.cryptoKeys[name] ?? refuse(status.NOT_FOUND, `CryptoKey ${name} not found.`)
}

function load(path: string, sealKey: SealKey | undefined): KmsState {
  const file = readFileSync(path, 'utf8')
  if (sealKey === undefined && isSealed(file)) throw new Error(`${path} is sealed; name its seal key`)
  const state = JSON.parse(sealKey === undefined ? file : openText(file, sealKey)) as KmsState
  if (typeof state.keyRings !== 'object' || typeof state.cryptoKeys !== 'object')
    throw new Error(`${path} is not a file of the local KMS`)
  return state
}

/** Whole or not at all. */
function save(path: string, state: KmsState, sealKey: SealKey | undefined): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.new`
  const fd = openSync(draft, 'w', 0o600)
  const text = JSON.stringify(state)
  writeSync(fd, sealKey === undefined ? text : sealText(text, sealKey))
  fsyncSync(fd)
  closeSync(fd)
  renameSync(draft, path)
}
