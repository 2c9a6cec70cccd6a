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
  readonly pair: PairState
}

const PREFIX = 'wallet/'
const VERSION = 1

export async function loadWallet(vault: Vault, keyId: string): Promise<WalletRecord> {
  const bytes = await vault.get(PREFIX + keyId)
  if (bytes === undefined) throw new TandemError('VAULT', 'This device holds no such wallet.')
  return decode(bytes)
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

export async function dropWallet(vault: Vault, keyId: string): Promise<void> {
  await vault.delete(PREFIX + keyId)
}

type Header = Omit<WalletRecord, 'current' | 'stage'> & {
  readonly v: number
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
  const { keyId, name, profileId, address, publicKey, pair } = header
  return { keyId, name, profileId, address, publicKey, current, stage, pair }
}

function readHeader(bytes: Uint8Array): Header {
  try {
    const header = JSON.parse(fromUtf8(bytes)) as Header
    if (header.v === VERSION) return header
  } catch {
    // fall through: whatever is wrong with it, it is damaged
  }
  throw damaged()
}

function damaged(): TandemError {
  return new TandemError('VAULT', 'A wallet in the vault is damaged or of a newer version; restore it from a backup.')
}
