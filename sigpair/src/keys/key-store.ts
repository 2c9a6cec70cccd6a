import { encodePair, encodeShare, type KeyShare, type PairSetup } from '@tandem/ecdsa'
import { UsageError } from '@tandem/rounds'
import { type Doc, isStoreError } from '@tandem/store'
import { fromHex, type Intent, limits, toHex, WireError } from '@tandem/wire'
import { audited } from '../audit/audit-outbox.ts'
import { verifyEd25519 } from '../crypto/ed25519.ts'
import { type Happened, readEventCursor, writeEvent } from '../events/events.ts'
import { le16, sameBytes, sha2, taggedHash } from '../crypto/hash.ts'
import { readIntent, spendIntent } from './intent.ts'
import { discardPair, keepPair, raiseUses } from './pair-store.ts'
import { DEVICE } from '../parties.ts'
import type { EpochRecord, KeyRecord, PairRecord, Sealed } from '../records.ts'
import type { SealContext } from '../seal/seal.ts'
import { keyAt, type PairName, pairAt, type Stores } from '../stores.ts'

/**
 * Creates the record of a key that is about to be generated.
 *
 * @throws {WireError} `KEY_BUSY` if its generation has begun before, `KEY_DELETED`, `FORBIDDEN` for any other key of the
 *         same owner, `NOT_FOUND` for another owner's
 *
 * Source: docs/spec/storage.md 3.1.
 */
export async function beginKeygen(
  stores: Stores,
  asked: Pick<KeyRecord, 'keyId' | 'owner' | 'device'>,
): Promise<KeyRecord> {
  const createdAt = stores.now()
  const keyId = asked.keyId.toLowerCase()
  const { identity, exchange } = asked.device
  const whose = { keyId, owner: asked.owner, device: { identity, exchange } }
  const record: KeyRecord = { ...whose, status: 'PENDING', current: null, stage: null, uses: 0, createdAt }
  try {
    await audited(stores, keyId, async (tx, note) => {
      tx.create(keyAt(keyId), record, { expireAt: createdAt + limits.PENDING_MS })
      note({ method: 'keygen.begin', owner: asked.owner, metadata: { device: identity.toLowerCase() } })
    })
    return record
  } catch (error) {
    if (!isStoreError(error, 'EXISTS')) throw error
    throw taken((await stores.parties.get(keyAt(keyId)))?.data, asked.owner)
  }
}

function taken(record: KeyRecord | undefined, owner: string): WireError {
  if (record && record.owner !== owner) return new WireError('NOT_FOUND')
  if (record?.status === 'DELETED') return new WireError('KEY_DELETED')
  if (!record || record.status === 'PENDING') return new WireError('KEY_BUSY')
  return new WireError('FORBIDDEN', 'this key id was used before')
}

/** What a key generation leaves with Sigpair, before the device's acknowledgement. */
export type StagedKey = {
  /** drawn by Sigpair, 32 bytes */
  readonly stageId: Uint8Array
  readonly share: KeyShare
  /** with the device, the only peer */
  readonly pairs: readonly PairSetup[]
  /** acknowledgements so far; the device's is empty */
  readonly certificate: readonly Uint8Array[]
}

/**
 * Makes a generated key durable, not yet in force. Sigpair's acknowledgement leaves only after this has resolved.
 *
 * @throws {WireError} `KEY_BUSY` unless the key is PENDING without a stage
 * @throws {UsageError} unless there is exactly one pair
 *
 * Source: docs/spec/storage.md 3.2.
 */
export async function stageKey(stores: Stores, { stageId, share, pairs, certificate }: StagedKey): Promise<void> {
  const [pair, ...more] = pairs
  if (!pair || more.length > 0) throw new UsageError('a key of device and Sigpair has one pair')
  const keyId = toHex(share.keyId)
  const { epoch, ssid, conf, publicKey, publicShares, chainCode } = share
  const setup = await sealed(stores, { purpose: 'pair', keyId, epoch }, encodePair(sha2, pair))
  const half = await sealed(stores, { purpose: 'share', keyId, epoch }, encodeShare(sha2, share))
  const stage = { epoch, stageId, ssid, conf, publicKey, publicShares, chainCode, certificate, share: half }

  await createPair(stores, { keyId, ssid }, { epoch, setup })
  await audited(stores, keyId, async (tx, note) => {
    const doc = await tx.get(keyAt(keyId))
    if (doc?.data.status !== 'PENDING' || doc.data.stage !== null) throw new WireError('KEY_BUSY')
    note({ method: 'keygen.stage', owner: doc.data.owner, metadata: { epoch, publicKey: toHex(publicKey) } })
    tx.update(keyAt(keyId), { ...doc.data, stage: { ...stage, complete: false } }, { expireAt: doc.expireAt })
  })
}

async function sealed({ sealer }: Stores, context: SealContext, secret: Uint8Array): Promise<Sealed> {
  try {
    return await sealer.seal(context, secret)
  } finally {
    secret.fill(0)
  }
}

async function createPair(
  { presignatures, now }: Stores,
  name: PairName,
  { epoch, setup }: Pick<PairRecord, 'epoch' | 'setup'>,
): Promise<void> {
  const counters = { opened: 0, passed: 0, strikes: [], failures: [], stock: [], uses: 0 }
  const pair: PairRecord = { ...name, epoch, status: 'ACTIVE', ...counters, setup }
  try {
    await presignatures.create(pairAt(name), pair, { expireAt: now() + limits.PENDING_MS })
  } catch (error) {
    throw isStoreError(error, 'EXISTS') ? new WireError('KEY_BUSY') : error
  }
}

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
  keyId: string,
  stageId: Uint8Array,
  certificate: readonly Uint8Array[],
): Promise<void> {
  await audited(stores, keyId, async (tx, note) => {
    const doc = await tx.get(keyAt(keyId))
    const events = await readEventCursor(tx, keyId)
    const stage = doc?.data.stage
    if (!doc || !stage || !sameBytes(stage.stageId, stageId)) throw new WireError('KEY_BUSY')
    if (!acknowledged(doc.data, stage, certificate)) throw new WireError('PROTOCOL_ABORTED') // check K10 L10
    note({ method: 'keygen.complete', owner: doc.data.owner, metadata: { epoch: stage.epoch } })
    tx.update(
      keyAt(keyId),
      { ...doc.data, stage: { ...stage, certificate, complete: true } },
      { expireAt: doc.expireAt },
    )
    if (!stage.complete && !doc.data.current)
      writeEvent(tx, events, eventOf('key.pending', doc.data, stage), stores.now())
  })
}

function eventOf(type: 'key.pending' | 'key.ready' | 'key.rotated', key: KeyRecord, epoch: EpochRecord): Happened {
  const status = type === 'key.pending' ? 'PENDING' : 'READY'
  return { type, keyId: key.keyId, owner: key.owner, epoch: epoch.epoch, status, publicKey: toHex(epoch.publicKey) }
}

function acknowledged({ device }: KeyRecord, { conf }: EpochRecord, certificate: readonly Uint8Array[]): boolean {
  const ack = certificate[DEVICE - 1] ?? new Uint8Array()
  return verifyEd25519(fromHex(device.identity), taggedHash('kg/ack', conf, le16(DEVICE)), ack)
}

/** A key generation that failed a check: ERROR, and what was staged is erased. Repeatable; a committed key is left alone. */
export async function failKeygen(stores: Stores, keyId: string): Promise<void> {
  const stage = await audited(stores, keyId, async (tx, note) => {
    const doc = await tx.get(keyAt(keyId))
    if (doc?.data.status !== 'PENDING') return null
    note({ method: 'keygen.fail', owner: doc.data.owner })
    tx.update(keyAt(keyId), { ...doc.data, status: 'ERROR', stage: null }, { expireAt: doc.expireAt })
    return doc.data.stage
  })
  if (stage) await discardPair(stores, { keyId, ssid: stage.ssid })
}

/**
 * Makes the stage current. Repeatable: a key whose current epoch came from this stage is answered unchanged.
 *
 * @param intent verified by the caller; spent here
 * @throws {WireError} `NOT_FOUND`, `KEY_PENDING` for a stage that is not there or not complete, `EPOCH_MISMATCH` for
 *         another stage, `KEY_FROZEN` unless the pair is ACTIVE, `FORBIDDEN` for a spent or expired intent
 *
 * Source: docs/spec/storage.md 3.5.
 */
export async function commitStage(
  stores: Stores,
  { keyId, stageId, intent }: { readonly keyId: string; readonly stageId: Uint8Array; readonly intent: Intent },
): Promise<EpochRecord> {
  const before = await stores.parties.get(keyAt(keyId))
  if (before?.data.status === 'PENDING' && before.data.stage) {
    await keepPair(stores, { keyId, ssid: before.data.stage.ssid })
  }
  const { current, uses } = await audited(stores, keyId, async (tx, note) => {
    const doc = await tx.get(keyAt(keyId))
    const unspent = await readIntent(tx, intent)
    const events = await readEventCursor(tx, keyId)
    if (!doc) throw new WireError('NOT_FOUND')
    const { current, uses } = doc.data
    if (current && sameBytes(current.stageId, stageId)) return { current, uses }

    const stage = committable(doc, stageId)
    spendIntent(tx, unspent, stores.now())
    note({ method: 'keygen.commit', owner: doc.data.owner, metadata: { epoch: stage.epoch } })
    const next = { ...doc.data, status: 'READY' as const, current: stage, stage: null, uses: uses + 1 }
    tx.update(keyAt(keyId), next)
    writeEvent(tx, events, eventOf(current ? 'key.rotated' : 'key.ready', next, stage), stores.now())
    return { current: stage, uses: next.uses }
  })
  await raiseUses(stores, { keyId, ssid: current.ssid }, uses)
  return current
}

/** The staged epoch, if this commit may make it current. Spec: storage 3.5, protocol of the staged commit. */
function committable({ data: { status, current, stage } }: Doc<KeyRecord>, stageId: Uint8Array): EpochRecord {
  if (status === 'DELETED') throw new WireError('KEY_DELETED')
  if (status === 'ERROR' || !stage) throw new WireError('KEY_PENDING', 'there is no key to commit')
  if (!sameBytes(stage.stageId, stageId)) throw new WireError('EPOCH_MISMATCH') // check L9
  if (stage.epoch !== (current ? current.epoch + 1 : 0)) throw new WireError('EPOCH_MISMATCH')
  const { complete, ...epoch } = stage
  if (!complete) throw new WireError('KEY_PENDING') // check L10
  return epoch
}
