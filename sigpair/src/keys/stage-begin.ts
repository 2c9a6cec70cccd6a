import { beginStage } from '@tandem/ecdsa'
import type { Rng } from '@tandem/rounds'
import type { Transaction } from '@tandem/store'
import { toHex, WireError } from '@tandem/wire'
import { audited } from '../audit/audit-outbox.ts'
import { sameBytes } from '../crypto/hash.ts'
import { type KeyInForce, keyInForce } from './amend.ts'
import { enrolledRecoveryKey } from './key-status.ts'
import { finishRetirements, noteRetirements } from './retire.ts'
import { requireKnownPast } from './stage-fate.ts'
import type { DeviceName, EpochRecord, KeyRecord } from '../records.ts'
import { keyAt, openStageAt, type Stores } from '../stores.ts'

/** A key and the epoch in force, whatever the state of its pair. */
export type Refreshable = Pick<KeyInForce, 'key' | 'current'>

/**
 * The key, if this owner may put a new epoch beside the one he names.
 *
 * @throws {WireError} as {@link keyInForce}; `EPOCH_MISMATCH` for any but the current epoch
 */
export async function refreshable(
  stores: Stores,
  { keyId, epoch, owner }: { readonly keyId: string; readonly epoch: number; readonly owner: string },
): Promise<Refreshable> {
  const { key, current } = await keyInForce(stores, keyId, owner)
  if (current.epoch !== epoch) throw new WireError('EPOCH_MISMATCH') // check L3
  return { key, current }
}

/** What a dialogue means that ends in a new epoch. */
export type NewEpoch = {
  /** as they were read when the dialogue was opened */
  readonly key: KeyRecord
  readonly current: EpochRecord
  /** the device of the new epoch */
  readonly device: DeviceName
  /** the restore it belongs to; null for a refresh by the enrolled device */
  readonly restoreId: string | null
}

/** @param recoveryKey the backup of the new epoch is for it, 33 bytes as 0x-hex; null where none is enrolled */
export type BegunEpoch = { readonly stageId: Uint8Array; readonly recoveryKey: string | null }

/**
 * Draws the id of a new stage, or takes the device's, and makes it the one begun last. An older stage is aborted by it and erased.
 *
 * @throws {WireError} `VALIDATION_FAILED` for the id of a stage that is known, `TICKET_INVALID` for a device that is not enrolled, `NOT_FOUND` for a restore that is over,
 *         `EPOCH_MISMATCH` if the key has moved on meanwhile, `KEY_FROZEN` where the older stage may be in force
 *
 * Source: docs/spec/refresh.md 3.1.
 */
export async function beginEpoch(stores: Stores, rng: Rng, asked: NewEpoch): Promise<BegunEpoch> {
  const { keyId } = asked.key
  // Who restores holds the epoch that the record names, whatever came after it.
  if (asked.restoreId === null) await requireKnownPast(stores, asked.key)
  const begun = await audited(stores, keyId, async (tx, note) => {
    const doc = await tx.get(keyAt(keyId))
    const open = await tx.get(openStageAt(keyId))
    if (!doc) throw new WireError('NOT_FOUND')
    const record = doc.data
    requireSame(record, asked)

    const [stageId, at] = [rng(32), stores.now()]
    requireNew(record, stageId)
    const { key, erase } = beginStage(record, stageId)
    const { device, restoreId } = asked
    noteRetirements(tx, keyId, erase)
    writeOpenStage(tx, open !== undefined, { keyId: record.keyId, stageId, openedAt: at })
    tx.update(keyAt(keyId), { ...record, ...key, opened: { at, device, restoreId } })
    const older = record.stage?.held.stageId ?? record.begun
    const { owner } = record
    if (older) note({ method: 'key.abort', owner, metadata: { stage: toHex(older), reason: 'another was begun' } })
    note({ method: 'rotate.begin', owner, metadata: { epoch: asked.current.epoch + 1, stage: toHex(stageId) } })
    return { stageId, recoveryKey: enrolledRecoveryKey(record, at) }
  })
  await finishRetirements(stores, keyId)
  return begun
}

/** What was read before the transaction must hold in it. */
function requireSame(record: KeyRecord, { key, current, device, restoreId }: NewEpoch): void {
  if (record.status !== 'READY' || !record.current) throw new WireError('KEY_DELETED')
  if (toHex(record.current.ssid) !== toHex(current.ssid)) throw new WireError('EPOCH_MISMATCH') // check L3
  if (record.owner !== key.owner) throw new WireError('NOT_FOUND')
  if (restoreId !== null && record.restore?.restoreId !== restoreId) throw new WireError('NOT_FOUND')
  if (restoreId === null && !isSameDevice(record.device, device))
    throw new WireError('TICKET_INVALID', 'another device')
}

/** At a member the device drew it. */
function requireNew({ current, begun, stage }: KeyRecord, stageId: Uint8Array): void {
  const known = [current?.stageId, stage?.held.stageId, begun].filter((one) => one !== undefined && one !== null)
  const used = known.some((one) => sameBytes(one, stageId))
  if (used) throw new WireError('VALIDATION_FAILED', 'hello.committee.stageId: used before') // check L9
}

function isSameDevice(one: DeviceName, other: DeviceName): boolean {
  const named = ({ identity, exchange }: DeviceName) => `${identity} ${exchange}`.toLowerCase()
  return named(one) === named(other)
}

function writeOpenStage(
  tx: Transaction,
  known: boolean,
  stage: { readonly keyId: string; readonly stageId: Uint8Array; readonly openedAt: number },
): void {
  if (known) tx.update(openStageAt(stage.keyId), stage)
  else tx.create(openStageAt(stage.keyId), stage)
}
