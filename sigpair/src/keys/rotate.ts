import { commitStage as commitByRules, type Fate, type NotYet } from '@tandem/ecdsa'
import type { Doc, Transaction } from '@tandem/store'
import {
  fromHex,
  type Intent,
  type KeyRotateRequest,
  type KeyRotateResponse,
  limits,
  type RotationRecord,
  rotationBytes,
  type StoredBackups,
  toHex,
  WireError,
} from '@tandem/wire'
import { audited } from '../audit/audit-outbox.ts'
import { readEventCursor, writeEvent } from '../events/events.ts'
import { keyInForce } from './amend.ts'
import { confirmedBackup } from './backup-hash.ts'
import { commitmentIn, type Kept } from './commitment.ts'
import { type Late, readIntent, spendIntent, verifyIntent } from './intent.ts'
import { raiseUses, succeedPair } from './pair-store.ts'
import { pairsOf, peersIn } from './peer-pairs.ts'
import { finishRetirements, noteRetirements } from './retire.ts'
import { COMPLETE_STAGE_MS } from './stage-expire.ts'
import { commitReceipt, type ReceiptDeps } from './stage-fate.ts'
import type { StageName } from './stage-store.ts'
import type { EpochRecord, KeyRecord } from '../records.ts'
import { keyAt, openStageAt, rotationAt, type Stores } from '../stores.ts'

type RotateAsked = KeyRotateRequest & {
  readonly keyId: string
  readonly owner: string
  readonly late?: Late | undefined
}

/**
 * Puts the staged epoch in force, by the word of the enrolled device. Repeatable: a stage that is in force gets the same
 * receipt and record. When this resolves the old epoch is erased.
 *
 * @throws {WireError} as {@link putInForce}; `NOT_FOUND`, `KEY_DELETED`, `KEY_PENDING` before the first commit; `FORBIDDEN` for a
 *         bad intent; `KEY_FROZEN` if the key does not sign and `repair` is not said
 *
 * Source: docs/spec/flows.md 9.6.
 */
export async function rotateKey(
  stores: Stores,
  deps: ReceiptDeps,
  { owner, body, intent, late, ...asked }: RotateAsked,
): Promise<KeyRotateResponse> {
  const { key, current, status } = await keyInForce(stores, asked.keyId, owner)
  const { keyId, device } = key
  const stage = { keyId, ...named(current, fromHex(body.stageId)) }
  verifyIntent(intent, { op: 'rotate', keyId, epoch: stage.epoch, body, device: device.identity })
  const mayNot = stage.epoch !== current.epoch && status !== 'READY' && !body.repair
  if (mayNot && !late) throw new WireError('KEY_FROZEN', status)
  const reason = status === 'READY' ? 'refresh' : 'repair'
  const kept = commitmentIn(current, { op: 'rotate', request: { body, intent } })
  return putInForce(stores, deps, { stage, backups: body.backups, intent, reason, restoreId: null, late, kept })
}

/** The stage as its intent must name it: the epoch is the one it makes. */
export function named(
  current: EpochRecord,
  stageId: Uint8Array,
): { readonly stageId: Uint8Array; readonly epoch: number } {
  const isCurrent = toHex(current.stageId) === toHex(stageId)
  return { stageId, epoch: isCurrent ? current.epoch : current.epoch + 1 }
}

/** An epoch that is to come into force. */
export type Commit = {
  readonly stage: StageName
  readonly backups: StoredBackups
  /** verified by the caller; spent here */
  readonly intent: Intent
  /** `repair`: the key did not sign before; counted */
  readonly reason: RotationRecord['reason']
  /** the restore whose dialogue must have made the stage: its device becomes the enrolled one; null for the enrolled one's own */
  readonly restoreId: string | null
  /** as other members have it in force */
  readonly late?: Late | undefined
  readonly kept: Kept
}

/**
 * The commit of a staged epoch, in one transaction; then the old epoch is erased. A crash in between leaves a note, and the next
 * request or the sweep finishes. Repeatable.
 *
 * @throws {WireError} `EPOCH_MISMATCH` for a stage that is not there, too old, or of another dialogue; `KEY_BUSY` while its
 *         rounds run; `KEY_PENDING` without the device's acknowledgement; `VALIDATION_FAILED` unless the new backup is confirmed
 *         or waived; `KEY_FROZEN` if the staged pair is not ACTIVE; `RATE_LIMITED` for a fourth repair in a day; `FORBIDDEN` for
 *         a spent or expired intent
 *
 * Source: docs/spec/refresh.md 3.3, storage.md 3.8.
 */
export async function putInForce(stores: Stores, deps: ReceiptDeps, commit: Commit): Promise<KeyRotateResponse> {
  const { keyId } = commit.stage
  await succeed(stores, commit)
  const { current, rotation, uses } = await commitOnce(stores, deps, commit)
  await raiseUses(stores, { keyId, ssid: current.ssid }, uses)
  await finishRetirements(stores, keyId)
  const { epoch, publicKey } = current
  return { keyId, publicKey: toHex(publicKey), epoch, receipt: commitReceipt(deps, keyId, current), rotation }
}

/** Only once the commit could succeed: a pair that is kept does not expire any more. */
async function succeed(stores: Stores, commit: Commit): Promise<void> {
  const { keyId } = commit.stage
  const doc = await stores.parties.get(keyAt(keyId))
  if (!doc) throw new WireError('NOT_FOUND')
  const { committed, staged } = judge(doc.data, commit, stores.now())
  const old = doc.data.current
  if (!staged || !old) return
  const next = committed.current
  const [were, are] = [pairsOf(keyId, old), pairsOf(keyId, next)]
  const peers = peersIn(next).map((peer) => ({ old: were(peer), next: are(peer) }))
  const reason = commit.late ? 'repair' : commit.reason
  await succeedPair(stores, { keyId, ssid: old.ssid }, next.ssid, reason, peers)
}

async function commitOnce(stores: Stores, deps: ReceiptDeps, commit: Commit) {
  const { stage, intent, reason } = commit
  return audited(stores, stage.keyId, async (tx, note) => {
    const doc = await tx.get(keyAt(stage.keyId))
    const signed = await tx.get(rotationAt(stage.keyId, stage.epoch))
    const unspent = await readIntent(tx, intent)
    const events = await readEventCursor(tx, stage.keyId)
    if (!doc) throw new WireError('NOT_FOUND')
    const [record, now] = [doc.data, stores.now()]
    const { committed, staged, erase } = judge(record, commit, now)
    const { current } = committed
    if (!staged) return { current, rotation: knownRotation(signed), uses: record.uses }

    spendIntent(tx, unspent, now, commit.late)
    const rotation = rotationOf(deps, record, current, { reason, now })
    const next = { ...successorOf(record, commit, now), ...committed, ...commit.kept }
    noteRetirements(tx, stage.keyId, erase) // check L5
    write(tx, next, rotation)
    const { owner, keyId } = record
    const metadata = { from: rotation.from, to: rotation.to, reason, backup: commit.backups.sigpair }
    note({ method: 'key.rotate', owner, metadata: { ...metadata, device: commit.backups.device } })
    const told = { keyId, owner, epoch: current.epoch, publicKey: toHex(current.publicKey) }
    writeEvent(tx, events, { type: 'key.rotated', status: 'READY', ...told }, now)
    return { current, rotation, uses: next.uses }
  })
}

/** What the rules say, and what they cannot know: whose the stage is, and how old. */
function judge(record: KeyRecord, { stage, backups, restoreId, late }: Commit, now: number) {
  const confirmed = confirmedBackup(record.stage?.held, backups)
  const { key, answer, erase } = commitByRules(record, stage, confirmed)
  if (answer !== 'committed' || !key.current) throw refusal(record, answer)
  const committed = { current: key.current, begun: key.begun, stage: key.stage }
  if (key === record) return { committed, staged: false, erase }
  if (record.status !== 'READY' || !record.current) throw new WireError('KEY_PENDING')
  const { opened } = record
  if (opened === null || opened.restoreId !== restoreId) throw new WireError('EPOCH_MISMATCH') // check L9
  if (!late && now >= opened.at + lifeOf(record.stage?.held))
    throw new WireError('EPOCH_MISMATCH', 'the stage is too old')
  return { committed, staged: true, erase }
}

/** Of a stage, ms. A member's complete one waits longer: the others may have it in force. */
function lifeOf(staged: EpochRecord | undefined): number {
  return staged?.committee ? COMPLETE_STAGE_MS : limits.PENDING_MS
}

function refusal({ status, begun }: KeyRecord, answer: Fate | NotYet): WireError {
  if (status === 'DELETED') return new WireError('KEY_DELETED')
  if (answer === 'unacknowledged') return new WireError('KEY_PENDING', 'the device has not acknowledged the stage')
  if (answer === 'unbacked')
    return new WireError('VALIDATION_FAILED', 'backups.sigpair: not the hash of the new backup')
  if (answer === 'staged' && begun) return new WireError('KEY_BUSY')
  return new WireError('EPOCH_MISMATCH')
}

/** All of the next record but what the rules decide. */
function successorOf(record: KeyRecord, { reason, restoreId, late }: Commit, now: number): KeyRecord {
  // A restore that waits has proven a share that is dead now: its owner must be free to ask anew.
  const next = { ...record, opened: null, restore: null, uses: record.uses + 1 }
  // What the lost device asked for is void with it.
  if (restoreId !== null) return { ...next, device: record.opened?.device ?? record.device, exports: [] }
  if (reason !== 'repair') return next
  const repairs = record.repairs.filter((at) => at > now - limits.REPAIR_WINDOW_MS)
  if (late || repairs.length < limits.MAX_REPAIRS) return { ...next, repairs: [...repairs, now] }
  const wait = (repairs[0] ?? now) + limits.REPAIR_WINDOW_MS - now
  throw new WireError('RATE_LIMITED', 'repairs', { retryAfter: Math.ceil(wait / 1000) })
}

type Rotating = { readonly reason: RotationRecord['reason']; readonly now: number }

function rotationOf(
  { identity }: ReceiptDeps,
  { keyId, current: old }: KeyRecord,
  { epoch, stageId, publicKey }: EpochRecord,
  { reason, now }: Rotating,
): RotationRecord {
  const place = { keyId, publicKey: toHex(publicKey), from: old?.epoch ?? 0, to: epoch, stageId: toHex(stageId) }
  const unsigned = { ...place, reason, at: Math.floor(now / 1000) }
  return { ...unsigned, signature: toHex(identity.identity.sign(rotationBytes(unsigned))) }
}

/** A first epoch is in force without one. */
function knownRotation(signed: Doc<RotationRecord> | undefined): RotationRecord {
  if (!signed) throw new WireError('EPOCH_MISMATCH')
  return signed.data
}

function write(tx: Transaction, next: KeyRecord, rotation: RotationRecord): void {
  tx.delete(openStageAt(next.keyId))
  tx.create(rotationAt(next.keyId, rotation.to), rotation)
  tx.update(keyAt(next.keyId), next)
}
