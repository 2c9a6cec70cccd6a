import { fromUtf8, type Intent, type StoredBackups, utf8 } from '@tandem/wire'
import { TandemError } from '../errors.ts'
import { SIGPAIR } from '../members.ts'
import type { Vault } from './vault.ts'

/** One epoch of a key, as this device holds it. `share` and `setup` are the encodings of @tandem/ecdsa. */
export type DeviceEpoch = {
  readonly epoch: number
  /** 0x-hex */
  readonly stageId: string
  readonly share: Uint8Array
  /** one with each other party, by index: Sigpair, or the members of a committee */
  readonly pairs: readonly HeldPair[]
}

/** `setup` is empty once the pair is poisoned, and where a restore has brought the share alone. */
export type HeldPair = { readonly peer: number; readonly setup: Uint8Array }

/** The device's half of the write-ahead with one peer: OT checks begun and passed on our Δ. Spec: docs/spec/abort.md. */
export type PairState = {
  readonly peer: number
  readonly status: 'ACTIVE' | 'STALE' | 'POISONED'
  readonly opened: number
  readonly passed: number
}

/** As pairs are that come into force. */
export function newPairs({ pairs }: Pick<DeviceEpoch, 'pairs'>): readonly PairState[] {
  return pairs.map(({ peer }) => ({ peer, status: 'ACTIVE', opened: 0, passed: 0 }))
}

/**
 * A commit that this device has signed, beside a committee: some members may have it and others not, so it is repeated until
 * receipts end it. Everything in it is public. Source: docs/spec/gateway.md 5.2.
 */
export type SignedCommit = {
  readonly profileId: string
  readonly stageId: string
  readonly backups: StoredBackups
  readonly intent: Intent
  /** of a rotation */
  readonly repair?: true
  /** of a restore, which it belongs to */
  readonly restoreId?: string
}

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
  /** of the pairs of `current`; pairs that come into force begin anew */
  readonly pairs: readonly PairState[]
  /** of the open stage */
  readonly commit?: SignedCommit
  readonly restoring: Restoring | null
  /** public recovery keys that the owner named on this device, 0x-hex, lower case: Sigpair backs up to no other */
  readonly recoveryKeys: readonly string[]
}

const PREFIX = 'wallet/'

/** Version 1 knew neither `restoring` nor `recoveryKeys`, version 2 one pair only. One pair with Sigpair is still written as 2. */
const PAIR_VERSION = 2
const VERSION = 3
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

type Name = Pick<DeviceEpoch, 'epoch' | 'stageId'> & { readonly peers?: readonly number[] }

type Header = Omit<WalletRecord, 'current' | 'stage' | 'pairs' | 'restoring' | 'recoveryKeys'> & {
  readonly v: number
  readonly restoring?: Restoring | null
  readonly recoveryKeys?: readonly string[]
  readonly current: Name | null
  readonly stage: Name | null
  /** up to version 2 */
  readonly pair?: Omit<PairState, 'peer'>
  readonly pairs?: readonly PairState[]
}

/** LE32 length ‖ JSON of what is public ‖ (LE32 length ‖ secret bytes)*: secrets stay bytes, never strings. */
function encode(record: WalletRecord): Uint8Array {
  const secrets = [record.current, record.stage].flatMap((e) =>
    e === null ? [] : [e.share, ...e.pairs.map(({ setup }) => setup)],
  )
  const parts = [utf8(JSON.stringify(headerOf(record))), ...secrets]
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

function headerOf(record: WalletRecord): Header {
  const { current, stage, pairs, ...rest } = record
  const [only] = pairs
  const isPair =
    only?.peer === SIGPAIR && [pairs, current?.pairs, stage?.pairs].every((all) => !all || isWithSigpair(all))
  const name = (e: DeviceEpoch | null): Name | null =>
    e && { epoch: e.epoch, stageId: e.stageId, ...(!isPair && { peers: e.pairs.map(({ peer }) => peer) }) }
  const epochs = { current: name(current), stage: name(stage) }
  if (!isPair) return { ...rest, ...epochs, pairs, v: VERSION }
  const { status, opened, passed } = only
  return { ...rest, ...epochs, pair: { status, opened, passed }, v: PAIR_VERSION }
}

function isWithSigpair(pairs: readonly { readonly peer: number }[]): boolean {
  return pairs.length === 1 && pairs[0]?.peer === SIGPAIR
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
  const epoch = (e: Name | null): DeviceEpoch | null => {
    if (e === null) return null
    const { epoch, stageId, peers = [SIGPAIR] } = e
    return { epoch, stageId, share: next(), pairs: peers.map((peer) => ({ peer, setup: next() })) }
  }
  const current = epoch(header.current)
  const stage = epoch(header.stage)
  const { keyId, name, profileId, address, publicKey, pair, commit, restoring = null, recoveryKeys = [] } = header
  const pairs = header.pairs ?? (pair ? [{ peer: SIGPAIR, ...pair }] : [])
  const held = { keyId, name, profileId, address, publicKey, current, stage, pairs, restoring, recoveryKeys }
  return commit === undefined ? held : { ...held, commit }
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
