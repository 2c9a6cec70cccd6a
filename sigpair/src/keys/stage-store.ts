import {
  acknowledgeStage,
  ackMessage,
  backUpStage,
  backupHash,
  encodePair,
  encodeShare,
  storeStage,
} from '@tandem/ecdsa'
import type { Change, EpochName, KeyShare, PairSetup, ServerKey } from '@tandem/ecdsa'
import { UsageError } from '@tandem/rounds'
import { type Doc, isStoreError } from '@tandem/store'
import { fromHex, limits, toBase64url, toHex, WireError } from '@tandem/wire'
import { randomBytes } from 'node:crypto'
import { audited } from '../audit/audit-outbox.ts'
import type { AuditMethod } from '../audit/audit-records.ts'
import { verifyEd25519 } from '../crypto/ed25519.ts'
import { sha2 } from '../crypto/hash.ts'
import { readEventCursor, writeEvent } from '../events/events.ts'
import { sealShare } from './epoch-key.ts'
import { DEVICE } from '../parties.ts'
import type { EpochRecord, KeyRecord, PairRecord } from '../records.ts'
import { retireEpoch } from './retire.ts'
import { backupAt, keyAt, type PairName, pairAt, type Stores } from '../stores.ts'

// What a dialogue that ends in a new epoch makes durable, one transaction for each step of the staged commit. The first epoch
// and every later one go the same way. Source: docs/spec/refresh.md, section 3; storage.md, section 3.

/** What the rounds leave with Sigpair, before the device's acknowledgement. */
export type StagedKey = {
  /** drawn by Sigpair when the dialogue began, 32 bytes */
  readonly stageId: Uint8Array
  readonly share: KeyShare
  /** with the device, the only peer */
  readonly pairs: readonly PairSetup[]
  /** acknowledgements so far; the device's is empty */
  readonly certificate: readonly Uint8Array[]
}

/**
 * Makes a new epoch durable, not yet in force. Sigpair's acknowledgement leaves only after this has resolved.
 *
 * @throws {WireError} `KEY_BUSY` unless the dialogue begun last is this one, and nothing of it is stored yet
 * @throws {UsageError} unless there is exactly one pair
 *
 * Source: docs/spec/storage.md 3.2.
 */
export async function stageKey(stores: Stores, { stageId, share, pairs, certificate }: StagedKey): Promise<void> {
  const [pair, ...more] = pairs
  if (!pair || more.length > 0) throw new UsageError('a key of device and Sigpair has one pair')
  const keyId = toHex(share.keyId)
  const { epoch, ssid, conf, publicKey, publicShares, chainCode } = share
  const [setup, { share: half, epochKey }] = await Promise.all([
    sealedPair(stores, { keyId, epoch }, pair),
    sealShare(stores, { keyId, epoch, ssid }, encodeShare(sha2, share)),
  ])
  const held = { epoch, stageId, ssid, conf, publicKey, publicShares, chainCode, certificate, share: half }

  await createPair(stores, { keyId, ssid }, { epoch, setup, epochKey })
  try {
    await store(stores, keyId, held)
  } catch (error) {
    // Refused, so nothing names it; without an answer from the store somebody may.
    if (error instanceof WireError) await retireEpoch(stores, { keyId, epoch, ssid })
    throw error
  }
}

async function store(stores: Stores, keyId: string, held: EpochRecord): Promise<void> {
  await audited(stores, keyId, async (tx, note) => {
    const doc = await tx.get(keyAt(keyId))
    if (!doc) throw new WireError('KEY_BUSY')
    const { key } = storeStage(doc.data, held)
    if (key.stage?.held !== held) throw new WireError('KEY_BUSY')
    const { epoch, publicKey } = held
    note({ method: methodOf(epoch, 'stage'), owner: doc.data.owner, metadata: { epoch, publicKey: toHex(publicKey) } })
    tx.update(keyAt(keyId), { ...doc.data, ...key }, { expireAt: doc.expireAt })
  })
}

async function sealedPair({ sealer }: Stores, { keyId, epoch }: Pick<PairRecord, 'keyId' | 'epoch'>, pair: PairSetup) {
  const bytes = encodePair(sha2, pair)
  try {
    return await sealer.seal({ purpose: 'pair', keyId, epoch }, bytes)
  } finally {
    bytes.fill(0)
  }
}

async function createPair(
  { presignatures, now }: Stores,
  name: PairName,
  sealed: Pick<PairRecord, 'epoch' | 'setup' | 'epochKey'>,
): Promise<void> {
  const counters = { opened: 0, passed: 0, strikes: [], failures: [], stock: [], uses: 0, successor: null }
  const pair: PairRecord = { ...name, ...sealed, status: 'ACTIVE', ...counters }
  try {
    await presignatures.create(pairAt(name), pair, { expireAt: now() + limits.PENDING_MS })
  } catch (error) {
    throw isStoreError(error, 'EXISTS') ? new WireError('KEY_BUSY') : error
  }
}

/** Names a stage: its id alone does not say which epoch it would make. */
export type StageName = EpochName & { readonly keyId: string }

/**
 * The device's acknowledgement has arrived and the rehearsal held: the stage may be committed. Repeatable.
 *
 * @param certificate acknowledgements of both parties, the device's first
 * @throws {WireError} `PROTOCOL_ABORTED` for an acknowledgement that does not verify, `KEY_BUSY` for another stage
 *
 * Source: docs/spec/storage.md 3.3.
 */
export async function completeStage(
  stores: Stores,
  name: StageName,
  certificate: readonly Uint8Array[],
): Promise<void> {
  const { keyId, epoch } = name
  await audited(stores, keyId, async (tx, note) => {
    const doc = await tx.get(keyAt(keyId))
    const events = await readEventCursor(tx, keyId)
    const { record, key, stage } = amended(doc, (before) => acknowledgeStage(before, name))
    if (!isAcknowledged(record, stage.held, certificate)) throw new WireError('PROTOCOL_ABORTED') // check K10 L10
    note({ method: methodOf(epoch, 'complete'), owner: record.owner, metadata: { epoch } })
    const complete = { ...stage, held: { ...stage.held, certificate } }
    tx.update(keyAt(keyId), { ...record, ...key, stage: complete }, { expireAt: doc?.expireAt })
    if (record.stage?.acknowledged || record.current) return
    const told = { keyId: record.keyId, owner: record.owner, epoch, publicKey: toHex(stage.held.publicKey) }
    writeEvent(tx, events, { type: 'key.pending', status: 'PENDING', ...told }, stores.now())
  })
}

/** @param recoveryKey the key the ciphertext is for, 33 bytes as 0x-hex */
export type MadeBackup = { readonly recoveryKey: string; readonly ciphertext: Uint8Array }

/**
 * The new backup of Sigpair's share exists; the owner's commit must confirm its hash. Once for a stage.
 *
 * @throws {WireError} `KEY_BUSY` for another stage
 *
 * Source: docs/spec/flows.md 9.3.
 */
export async function backUpStaged(stores: Stores, name: StageName, made: MadeBackup): Promise<void> {
  const { keyId, epoch } = name
  const hash = backupHash(sha2, made.ciphertext)
  await audited(stores, keyId, async (tx, note) => {
    const doc = await tx.get(keyAt(keyId))
    const { record, key, stage } = amended(doc, (before) => backUpStage(before, name, hash))
    const at = backupAt({ keyId, ssid: stage.held.ssid }, made.recoveryKey)
    const backupId = `bak_${toBase64url(new Uint8Array(randomBytes(16)))}`
    note({ method: 'rotate.backup', owner: record.owner, metadata: { epoch, backup: toHex(hash) } })
    tx.create(at, { keyId: record.keyId, epoch, ...made, backupId, hash, createdAt: stores.now() })
    tx.update(keyAt(keyId), { ...record, ...key }, { expireAt: doc?.expireAt })
  })
}

/** The stage as the rules leave it. @throws {WireError} `KEY_BUSY` unless it is the one they were asked about */
function amended(
  doc: Doc<KeyRecord> | undefined,
  rule: (before: KeyRecord) => Change<ServerKey<EpochRecord>, EpochRecord>,
) {
  if (!doc) throw new WireError('KEY_BUSY')
  const { key, answer } = rule(doc.data)
  if (answer !== 'staged' || !key.stage) throw new WireError('KEY_BUSY')
  return { record: doc.data, key, stage: key.stage }
}

/** By the device that opened the dialogue: of a restore it is not the enrolled one yet. */
function isAcknowledged({ device, opened }: KeyRecord, { conf, epoch }: EpochRecord, acks: readonly Uint8Array[]) {
  const { identity } = opened?.device ?? device
  const message = ackMessage(sha2, epoch === 0 ? 'keygen' : 'refresh', conf, DEVICE)
  return verifyEd25519(fromHex(identity), message, acks[DEVICE - 1] ?? new Uint8Array())
}

function methodOf(epoch: number, step: 'stage' | 'complete'): AuditMethod {
  return epoch === 0 ? `keygen.${step}` : `rotate.${step}`
}
