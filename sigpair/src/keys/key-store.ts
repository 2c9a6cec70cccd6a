import { beginStage, commitStage as commitByRules } from '@tandem/ecdsa'
import type { Rng } from '@tandem/rounds'
import { isStoreError } from '@tandem/store'
import { type Intent, limits, toHex, WireError } from '@tandem/wire'
import { audited } from '../audit/audit-outbox.ts'
import { readEventCursor, writeEvent } from '../events/events.ts'
import type { Kept } from './commitment.ts'
import { type Late, readIntent, spendIntent } from './intent.ts'
import { keepPair, raiseUses } from './pair-store.ts'
import { peerPairsOf } from './peer-pairs.ts'
import { finishRetirements, noteRetirements } from './retire.ts'
import type { EpochRecord, KeyRecord } from '../records.ts'
import { keyAt, type Stores } from '../stores.ts'

/**
 * Creates the record of a key that is about to be generated, and draws the id of its first stage.
 *
 * @throws {WireError} `KEY_BUSY` if its generation has begun before, `KEY_DELETED`, `FORBIDDEN` for any other key of the
 *         same owner, `NOT_FOUND` for another owner's
 *
 * Source: docs/spec/storage.md 3.1.
 */
export async function beginKeygen(
  stores: Stores,
  rng: Rng,
  { keyId: id, owner, device: { identity, exchange } }: Pick<KeyRecord, 'keyId' | 'owner' | 'device'>,
): Promise<{ readonly keyId: string; readonly stageId: Uint8Array }> {
  const keyId = id.toLowerCase()
  const device = { identity, exchange }
  try {
    const stageId = await audited(stores, keyId, async (tx, note) => {
      const drawn = rng(32)
      const { key } = beginStage<EpochRecord>({ current: null, begun: null, stage: null }, drawn)
      const at = stores.now()
      const record = { ...newKey(at), ...key, keyId, owner, device, opened: { at, device, restoreId: null } }
      tx.create(keyAt(keyId), record, { expireAt: at + limits.PENDING_MS })
      note({ method: 'keygen.begin', owner, metadata: { device: identity.toLowerCase() } })
      return drawn
    })
    return { keyId, stageId }
  } catch (error) {
    if (!isStoreError(error, 'EXISTS')) throw error
    throw taken((await stores.parties.get(keyAt(keyId)))?.data, owner)
  }
}

function newKey(createdAt: number) {
  const care = {
    repairs: [],
    recoveryKey: { current: null, pending: null },
    restore: null,
    exports: [],
    exportedAt: null,
  }
  return { status: 'PENDING' as const, uses: 0, createdAt, ...care }
}

function taken(record: KeyRecord | undefined, owner: string): WireError {
  if (record && record.owner !== owner) return new WireError('NOT_FOUND')
  if (record?.status === 'DELETED') return new WireError('KEY_DELETED')
  if (!record || record.status === 'PENDING') return new WireError('KEY_BUSY')
  return new WireError('FORBIDDEN', 'this key id was used before')
}

/** A key generation that failed a check: ERROR, and what was staged is erased. Repeatable; a committed key is left alone. */
export async function failKeygen(stores: Stores, keyId: string): Promise<void> {
  await audited(stores, keyId, async (tx, note) => {
    const doc = await tx.get(keyAt(keyId))
    if (doc?.data.status !== 'PENDING') return
    const { owner, stage } = doc.data
    note({ method: 'keygen.fail', owner })
    noteRetirements(tx, keyId, stage ? [stage.held] : [])
    const failed = { ...doc.data, status: 'ERROR' as const, begun: null, stage: null, opened: null }
    tx.update(keyAt(keyId), failed, { expireAt: doc.expireAt })
  })
  await finishRetirements(stores, keyId)
}

type FirstCommit = Kept & {
  readonly keyId: string
  readonly stageId: Uint8Array
  readonly intent: Intent
  readonly late?: Late | undefined
}

/**
 * Puts a generated key in force. Repeatable: a key whose current epoch came from this stage is answered unchanged.
 *
 * @param intent verified by the caller; spent here
 * @throws {WireError} `NOT_FOUND`, `KEY_DELETED`, `KEY_PENDING` for a stage that is not there or not complete,
 *         `EPOCH_MISMATCH` for another stage, `KEY_FROZEN` unless the pair is ACTIVE, `FORBIDDEN` for a spent or expired intent
 *
 * Source: docs/spec/storage.md 3.5.
 */
export async function commitStage(
  stores: Stores,
  { keyId, stageId, intent, late, ...kept }: FirstCommit,
): Promise<EpochRecord> {
  await keepStagedPair(stores, keyId, stageId)
  const { current, uses } = await audited(stores, keyId, async (tx, note) => {
    const doc = await tx.get(keyAt(keyId))
    const unspent = await readIntent(tx, intent)
    const events = await readEventCursor(tx, keyId)
    if (!doc) throw new WireError('NOT_FOUND')
    const { key, answer } = commitByRules(doc.data, { stageId, epoch: 0 }, 'waived')
    if (answer !== 'committed' || !key.current) throw uncommittable(doc.data)
    if (doc.data.current) return { current: key.current, uses: doc.data.uses }

    spendIntent(tx, unspent, stores.now(), late)
    const { owner } = doc.data
    note({ method: 'keygen.commit', owner, metadata: { epoch: key.current.epoch } })
    const next = { ...doc.data, ...key, ...kept, status: 'READY' as const, opened: null, uses: doc.data.uses + 1 }
    tx.update(keyAt(keyId), next)
    const told = { keyId: doc.data.keyId, owner, epoch: key.current.epoch, publicKey: toHex(key.current.publicKey) }
    writeEvent(tx, events, { type: 'key.ready', status: 'READY', ...told }, stores.now())
    return { current: key.current, uses: next.uses }
  })
  await raiseUses(stores, { keyId, ssid: current.ssid }, uses)
  return current
}

/** Only once the commit could succeed: a pair that is kept does not expire any more. */
async function keepStagedPair(stores: Stores, keyId: string, stageId: Uint8Array): Promise<void> {
  const doc = await stores.parties.get(keyAt(keyId))
  if (doc?.data.status !== 'PENDING') return
  const { key, answer } = commitByRules(doc.data, { stageId, epoch: 0 }, 'waived')
  if (answer !== 'committed' || !key.current) return
  await keepPair(stores, { keyId, ssid: key.current.ssid }, peerPairsOf(keyId, key.current))
}

/** Why the rules did not let a first epoch in force. */
function uncommittable({ status, stage }: KeyRecord): WireError {
  if (status === 'DELETED') return new WireError('KEY_DELETED')
  if (!stage) return new WireError('KEY_PENDING', 'there is no key to commit')
  return stage.acknowledged ? new WireError('EPOCH_MISMATCH') : new WireError('KEY_PENDING')
}
