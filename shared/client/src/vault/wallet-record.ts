import { fromUtf8, utf8 } from '@tandem/wire'
import { TandemError } from '../errors.ts'
import type { Vault } from './vault.ts'

/** One epoch of a key, as P1 holds it. `share` and `pair` are the encodings of @tandem/ecdsa; `pair` is empty once poisoned. */
export type DeviceEpoch = {
  readonly epoch: number
  /** 0x-hex */
  readonly stageId: string
  readonly share: Uint8Array
  readonly pair: Uint8Array
}

/** The device's half of the write-ahead: OT checks begun and passed on our Δ. Spec: docs/spec/abort.md. */
export type PairState = {
  readonly status: 'ACTIVE' | 'STALE' | 'POISONED'
  readonly opened: number
  readonly passed: number
}

export const NEW_PAIR: PairState = { status: 'ACTIVE', opened: 0, passed: 0 }

/** A restore that was asked for and is not in force yet. Spec: docs/spec/flows.md, section 12. */
export type Restoring = {
  readonly restoreId: string
  readonly reason: 'device-lost' | 'server-lost'
  /** seconds since 1970: the `recover` dialogue is open from then */
  readonly notBefore: number
}

/** Everything the device knows of one wallet; written whole, in one durable put. */
export type WalletRecord = {
  readonly keyId: string
  readonly name: string
  /** known once the commit was answered */
  readonly profileId: string | null
  readonly address: string
  /** X, 0x-hex */
  readonly publicKey: string
  readonly current: DeviceEpoch | null
  /** erased only on a receipt */
  readonly stage: DeviceEpoch | null
  /** of the pair of `current`; a pair that comes into force begins anew */
  readonly pair: PairState
  readonly restoring: Restoring | null
  /** public recovery keys that the owner named on this device, 0x-hex, lower case: Sigpair backs up to no other */
  readonly recoveryKeys: readonly string[]
}

const PREFIX = 'wallet/'

/** Version 1 knew neither `restoring` nor `recoveryKeys`. */
const VERSION = 2
const OLDEST = 1

export async function loadWallet(vault: Vault, keyId: string): Promise<WalletRecord> {
  const record = await findWallet(vault, keyId)
  if (record === undefined) throw new TandemError('VAULT', 'This device holds no such wallet.')
  return record
}

export async function loadWallets(vault: Vault): Promise<WalletRecord[]> {
  const names = await vault.list(PREFIX)
  return Promise.all(names.map(async (name) => loadWallet(vault, name.slice(PREFIX.length))))
}

/** Durable, and read back: a stage that cannot be read is not one. */
export async function saveWallet(vault: Vault, record: WalletRecord): Promise<void> {
  const bytes = encode(record)
  await vault.put(PREFIX + record.keyId, bytes)
  const back = await vault.get(PREFIX + record.keyId)
  if (back === undefined || back.length !== bytes.length || back.some((b, i) => b !== bytes[i])) {
    throw new TandemError('VAULT', 'The vault did not keep what was written; do not use it.')
  }
}

/** The wallet, if this device has anything of it. */
export async function findWallet(vault: Vault, keyId: string): Promise<WalletRecord | undefined> {
  const bytes = await vault.get(PREFIX + keyId)
  return bytes === undefined ? undefined : decode(bytes)
}

export async function dropWallet(vault: Vault, keyId: string): Promise<void> {
  await vault.delete(PREFIX + keyId)
}

type Header = Omit<WalletRecord, 'current' | 'stage' | 'restoring' | 'recoveryKeys'> & {
  readonly v: number
  readonly restoring?: Restoring | null
  readonly recoveryKeys?: readonly string[]
  readonly current: { readonly epoch: number; readonly stageId: string } | null
  readonly stage: { readonly epoch: number; readonly stageId: string } | null
}

/** LE32 length ‖ JSON of what is public ‖ (LE32 length ‖ secret bytes)*: secrets stay bytes, never strings. */
function encode(record: WalletRecord): Uint8Array {
  const name = (e: DeviceEpoch | null) => (e === null ? null : { epoch: e.epoch, stageId: e.stageId })
  const header: Header = { ...record, v: VERSION, current: name(record.current), stage: name(record.stage) }
  const secrets = [record.current, record.stage].flatMap((e) => (e === null ? [] : [e.share, e.pair]))
  const parts = [utf8(JSON.stringify(header)), ...secrets]
  const out = new Uint8Array(parts.reduce((sum, p) => sum + 4 + p.length, 0))
  const view = new DataView(out.buffer)
  let at = 0
  for (const part of parts) {
    view.setUint32(at, part.length, true)
    out.set(part, at + 4)
    at += 4 + part.length
  }
  return out
}

function decode(bytes: Uint8Array): WalletRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 0
  const next = (): Uint8Array => {
    if (at + 4 > bytes.length) throw damaged()
    const length = view.getUint32(at, true)
    at += 4 + length
    if (at > bytes.length) throw damaged()
    return bytes.slice(at - length, at)
  }
  const header = readHeader(next())
  const epoch = (e: Header['current']): DeviceEpoch | null =>
    e === null ? null : { ...e, share: next(), pair: next() }
  const current = epoch(header.current)
  const stage = epoch(header.stage)
  const { keyId, name, profileId, address, publicKey, pair, restoring = null, recoveryKeys = [] } = header
  return { keyId, name, profileId, address, publicKey, current, stage, pair, restoring, recoveryKeys }
}

function readHeader(bytes: Uint8Array): Header {
  try {
    const header = JSON.parse(fromUtf8(bytes)) as Header
    if (header.v >= OLDEST && header.v <= VERSION) return header
  } catch {
    // fall through: whatever is wrong with it, it is damaged
  }
  throw damaged()
}

function damaged(): TandemError {
  return new TandemError('VAULT', 'A wallet in the vault is damaged or of a newer version; restore it from a backup.')
}
