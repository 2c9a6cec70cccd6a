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
import { type PartyIndex, partyIndex, UsageError } from '@tandem/rounds'
import { type Doc, isStoreError } from '@tandem/store'
import { fromHex, limits, toHex, WireError } from '@tandem/wire'
import { audited } from '../audit/audit-outbox.ts'
import type { AuditMethod } from '../audit/audit-records.ts'
import { verifyEd25519 } from '../crypto/ed25519.ts'
import { sha2 } from '../crypto/hash.ts'
import { readEventCursor, writeEvent } from '../events/events.ts'
import { sealShare } from './epoch-key.ts'
import { namedBy } from './named-by.ts'
import { keepPair } from './pair-store.ts'
import { pairsOf, peerPairsOf } from './peer-pairs.ts'
import { placesOf } from '../parties.ts'
import type { EpochRecord, KeyRecord, PairRecord, Sealed } from '../records.ts'
import { retireEpoch } from './retire.ts'
import { COMPLETE_STAGE_MS } from './stage-expire.ts'
import { backupAt, keyAt, pairAt, type Stores } from '../stores.ts'

// What a dialogue that ends in a new epoch makes durable, one transaction for each step of the staged commit. The first epoch
// and every later one go the same way. Source: docs/spec/refresh.md, section 3; storage.md, section 3.

/** What the rounds leave with Sigpair, before the device's acknowledgement. */
export type StagedKey = {
  /** drawn by Sigpair when the dialogue began, 32 bytes */
  readonly stageId: Uint8Array
  readonly share: KeyShare
  /** with the device; and with every other member, if there are any */
  readonly pairs: readonly PairSetup[]
  /** acknowledgements so far */
  readonly certificate: readonly Uint8Array[]
}

/**
 * Makes a new epoch durable, not yet in force. Our acknowledgement leaves only after this has resolved.
 *
 * @returns it as it is kept
 * @throws {WireError} `KEY_BUSY` unless the dialogue begun last is this one, and nothing of it is stored yet
 * @throws {UsageError} unless there is one pair with every other party
 *
 * Source: docs/spec/storage.md 3.2.
 */
export async function stageKey(
  stores: Stores,
  { stageId, share, pairs, certificate }: StagedKey,
): Promise<EpochRecord> {
  if (pairs.length !== share.parties - 1) throw new UsageError('a key has one pair with every other party')
  const keyId = toHex(share.keyId)
  const { epoch, ssid, conf, publicKey, publicShares, chainCode } = share
  const [setups, { share: half, epochKey }] = await Promise.all([
    Promise.all(pairs.map(async (pair) => sealedPair(stores, { keyId, epoch }, pair))),
    sealShare(stores, { keyId, epoch, ssid }, encodeShare(sha2, share)),
  ])
  const common = { epoch, stageId, ssid, conf, publicKey, publicShares, chainCode, certificate, share: half }
  const held: EpochRecord = { ...common, ...committeeOf(share) }

  await createPairs(stores, { keyId, held, epochKey }, setups)
  try {
    await store(stores, keyId, held)
    return held
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

/** Nothing for a pair. */
function committeeOf({ withDevice, self, threshold, identities }: KeyShare): Pick<EpochRecord, 'committee'> {
  return withDevice === true ? { committee: { self, threshold: threshold - 1, identities } } : {}
}

type SealedPair = { readonly peer: PartyIndex; readonly setup: Sealed }

async function sealedPair(
  { sealer }: Stores,
  { keyId, epoch }: Pick<PairRecord, 'keyId' | 'epoch'>,
  pair: PairSetup,
): Promise<SealedPair> {
  const bytes = encodePair(sha2, pair)
  try {
    return { peer: pair.peer, setup: await sealer.seal({ purpose: 'pair', keyId, epoch }, bytes) }
  } finally {
    bytes.fill(0)
  }
}

type Pairing = { readonly keyId: string; readonly held: EpochRecord; readonly epochKey: Sealed }

/** All of them or none. The epoch key rests with the one with the device. */
async function createPairs(
  { presignatures, now }: Stores,
  { keyId, held, epochKey }: Pairing,
  setups: readonly SealedPair[],
): Promise<void> {
  const pairOf = pairsOf(keyId, held)
  const { device } = placesOf(held)
  const counters = { opened: 0, passed: 0, strikes: [], failures: [], stock: [], uses: 0, successor: null }
  const fresh = { epoch: held.epoch, status: 'ACTIVE' as const, ...counters }
  const expireAt = now() + limits.PENDING_MS
  try {
    await presignatures.transaction(async (tx) => {
      for (const { peer, setup } of setups) {
        const of = peer === device ? { epochKey } : { epochKey: null, peer }
        tx.create(pairAt(pairOf(peer)), { ...pairOf(peer), ...fresh, setup, ...of }, { expireAt })
      }
    })
  } catch (error) {
    throw isStoreError(error, 'EXISTS') ? new WireError('KEY_BUSY') : error
  }
}

/** Names a stage: its id alone does not say which epoch it would make. */
export type StageName = EpochName & { readonly keyId: string }

/**
 * The acknowledgements have arrived and the rehearsal held: the stage may be committed. Repeatable.
 *
 * @param certificate acknowledgements of all parties, in index order
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
  const kept = await keepStaged(stores, name)
  await audited(stores, keyId, async (tx, note) => {
    const doc = await tx.get(keyAt(keyId))
    const events = await readEventCursor(tx, keyId)
    const { record, key, stage } = amended(doc, (before) => acknowledgeStage(before, name))
    if (!isAcknowledged(record, stage.held, certificate)) throw new WireError('PROTOCOL_ABORTED') // check K10 L10
    note({ method: methodOf(epoch, 'complete'), owner: record.owner, metadata: { epoch } })
    const complete = { ...stage, held: { ...stage.held, certificate } }
    const expireAt = doc?.expireAt === undefined ? undefined : (kept ?? doc.expireAt)
    tx.update(keyAt(keyId), { ...record, ...key, stage: complete }, { expireAt })
    if (record.stage?.acknowledged || record.current) return
    const told = { keyId: record.keyId, owner: record.owner, epoch, publicKey: toHex(stage.held.publicKey) }
    writeEvent(tx, events, { type: 'key.pending', status: 'PENDING', ...told }, stores.now())
  })
}

/**
 * A member's complete stage outlives its day: the others may put it in force while this one is away.
 *
 * @returns until when, ms since 1970; undefined in a pair
 */
async function keepStaged(stores: Stores, { keyId }: StageName): Promise<number | undefined> {
  const held = (await stores.parties.get(keyAt(keyId)))?.data.stage?.held
  if (!held?.committee) return undefined
  const until = stores.now() + COMPLETE_STAGE_MS
  await keepPair(stores, { keyId, ssid: held.ssid }, peerPairsOf(keyId, held), until)
  return until
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
    const backupId = namedBy('bak', keyId, toHex(stage.held.ssid), made.recoveryKey)
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

/** By the device that opened the dialogue (of a restore it is not the enrolled one yet), and by every member. */
function isAcknowledged({ device, opened }: KeyRecord, held: EpochRecord, acks: readonly Uint8Array[]): boolean {
  const { conf, epoch, committee } = held
  const signed = (index: PartyIndex, identity: Uint8Array) => {
    const message = ackMessage(sha2, epoch === 0 ? 'keygen' : 'refresh', conf, index)
    return verifyEd25519(identity, message, acks[index - 1] ?? new Uint8Array())
  }
  const members = committee?.identities.slice(0, -1) ?? []
  return (
    signed(placesOf(held).device, fromHex((opened?.device ?? device).identity)) &&
    members.every((identity, at) => signed(partyIndex(at + 1), identity))
  )
}

function methodOf(epoch: number, step: 'stage' | 'complete'): AuditMethod {
  return epoch === 0 ? `keygen.${step}` : `rotate.${step}`
}
