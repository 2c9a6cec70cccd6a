import { abortStage, type Backend, verifyPossession } from '@tandem/ecdsa'
import { keyId as asKeyId, sessionId } from '@tandem/rounds'
import type { Transaction } from '@tandem/store'
import {
  type DeviceKey,
  fromHex,
  isCertified,
  type KeyRestoreCancelRequest,
  type KeyRestoreConfirmRequest,
  type KeyRestoreRequest,
  type KeyRotateResponse,
  limits,
  type RestoreResponse,
  WireError,
} from '@tandem/wire'
import { amendKey, keyInForce } from './amend.ts'
import { sameBytes } from '../crypto/hash.ts'
import { requireExchangeKey } from '../crypto/hpke.ts'
import { commitmentIn } from './commitment.ts'
import { type Late, verifyIntent } from './intent.ts'
import { namedBy } from './named-by.ts'
import { finishRetirements, noteRetirements } from './retire.ts'
import { named, putInForce } from './rotate.ts'
import { type ReceiptDeps, requireKnownPast } from './stage-fate.ts'
import { placesOf } from '../parties.ts'
import type { DeviceName, EpochRecord, KeyRecord, RestoreRecord } from '../records.ts'
import { openStageAt, type Stores } from '../stores.ts'

export type RestoreDeps = {
  readonly backend: Backend
  /** how long the enrolled device has to object, ms */
  readonly delayMs: number
}

type Of = { readonly keyId: string; readonly owner: string }

/**
 * A device that opened the owner's backup asks to take the place of the enrolled one; or the enrolled one asks to bring
 * Sigpair's share back. One request at a time. A proof that does not hold changes nothing. Repeatable: the same device gets the
 * same request.
 *
 * @throws {WireError} as `amendKey`, `VALIDATION_FAILED` for a device key without its certificate or a proof that does not
 *         hold, `FORBIDDEN` where another device than the enrolled one says that the server is lost, `KEY_BUSY` while another
 *         request is open
 *
 * Source: docs/spec/flows.md 12.1.
 */
export async function requestRestore(
  stores: Stores,
  deps: RestoreDeps,
  { keyId, owner, body, intent }: KeyRestoreRequest & Of,
): Promise<RestoreResponse> {
  const { reason, deviceKey, proof } = body
  const device = requireDevice(deviceKey)
  const signed = { intent, op: 'restore' as const, body, by: deviceKey.identity }
  const { restore } = await amendKey(stores, { keyId, owner, method: 'key.restore', signed }, (found) => {
    const { key, current, now } = found
    requireProof(deps.backend, { key, current }, device, proof)
    if (reason === 'server-lost' && current.committee) throw new WireError('FORBIDDEN', 'reason')
    if (reason === 'server-lost' && !isSameDevice(key.device, device)) throw new WireError('FORBIDDEN', 'deviceKey')
    const open = openRestore(key, now)
    if (open) {
      if (open.reason !== reason || !isSameDevice(open.device, device))
        throw new WireError('KEY_BUSY', 'a restore waits')
      return { answer: { restore: open } }
    }
    const notBefore = reason === 'server-lost' ? now : now + deps.delayMs
    const restoreId = namedBy('rst', keyId, intent.nonce)
    const restore: RestoreRecord = {
      restoreId,
      reason,
      device,
      requestedAt: now,
      notBefore,
      expiresAt: notBefore + limits.CONFIRM_MS,
    }
    const metadata = { restoreId, reason, device: device.identity }
    return {
      answer: { restore },
      change: { restore },
      metadata,
      event: { type: 'key.restoring', status: found.status },
    }
  })
  return { restoreId: restore.restoreId, notBefore: Math.ceil(restore.notBefore / 1000) }
}

/**
 * The enrolled device takes a restore back that it did not ask for. What its dialogue staged cannot be committed from then
 * on. Repeatable.
 *
 * @throws {WireError} as `amendKey`, `NOT_FOUND` for a request that is past, in force already, or unknown
 *
 * Source: docs/spec/flows.md 12.1.
 */
export async function cancelRestore(
  stores: Stores,
  { keyId, owner, body, intent }: KeyRestoreCancelRequest & Of,
): Promise<{ readonly status: 'cancelled' }> {
  const { key } = await keyInForce(stores, keyId, owner)
  const mayErase = await isKnownPast(stores, key)
  const signed = { intent, op: 'restore-cancel' as const, body }
  const asked = { keyId, owner, method: 'key.restore-cancel' as const, signed }
  const answer = await amendKey(stores, asked, (found) => {
    const cancelled = { answer: { status: 'cancelled' as const } }
    const open = openRestore(found.key, found.now)
    if (open?.restoreId === body.restoreId)
      return { ...cancelled, ...withdrawn(found.key, open, mayErase), metadata: body }
    if (found.spent) return cancelled
    throw new WireError('NOT_FOUND')
  })
  await finishRetirements(stores, key.keyId)
  return answer
}

/** The record of a copy older than the last commit may call a stage what is in force: nothing of it is erased. */
async function isKnownPast(stores: Stores, key: KeyRecord): Promise<boolean> {
  try {
    await requireKnownPast(stores, key)
    return true
  } catch (error) {
    if (error instanceof WireError) return false
    throw error
  }
}

/** The record without this request, and without what its dialogue has staged; that is erased now, or when it is too old. */
function withdrawn(key: KeyRecord, { restoreId }: RestoreRecord, mayErase: boolean) {
  const { current, begun, stage, opened } = key
  if (opened?.restoreId !== restoreId) return { change: { restore: null } }
  const stageId = stage?.held.stageId ?? begun
  if (!current || !stageId || !mayErase) return { change: { restore: null, opened: null } }
  const aborted = abortStage(key, { stageId, epoch: current.epoch + 1 })
  return {
    change: { ...aborted.key, restore: null, opened: null },
    also: (tx: Transaction) => {
      tx.delete(openStageAt(key.keyId))
      noteRetirements(tx, key.keyId, aborted.erase)
    },
  }
}

/**
 * Puts the epoch in force that the restore's dialogue staged: its device is the enrolled one from then on, and what the lost one
 * holds is dead. Repeatable: the same stage gets the same receipt and record.
 *
 * @throws {WireError} as `putInForce`; `NOT_FOUND` for a request that is past, cancelled or unknown; `FORBIDDEN` for an intent
 *         of any other device
 *
 * Source: docs/spec/flows.md 12.5.
 */
export async function confirmRestore(
  stores: Stores,
  deps: ReceiptDeps,
  { keyId: id, owner, body, intent, late }: KeyRestoreConfirmRequest & Of & { readonly late?: Late | undefined },
): Promise<KeyRotateResponse> {
  const { key, current } = await keyInForce(stores, id, owner)
  const { keyId } = key
  const { restoreId, stageId, backups } = body
  const stage = { keyId, ...named(current, fromHex(stageId)) }
  const isRepeated = stage.epoch === current.epoch
  const open = openRestore(key, stores.now())
  if (!isRepeated && !late && open?.restoreId !== restoreId) throw new WireError('NOT_FOUND')
  const restoring = late ? key.opened?.device : open?.device
  const { identity } = isRepeated || !restoring ? key.device : restoring
  verifyIntent(intent, { op: 'restore-confirm', keyId, epoch: stage.epoch, body, device: identity })
  const kept = commitmentIn(current, { op: 'restore-confirm', request: { body, intent } })
  return putInForce(stores, deps, { stage, backups, intent, reason: 'restore', restoreId, late, kept })
}

/** The request that is open, if there is one. */
export function openRestore({ restore }: Pick<KeyRecord, 'restore'>, now: number): RestoreRecord | undefined {
  return restore && now < restore.expiresAt ? restore : undefined
}

/**
 * The request of this id, if its delay is over and this device made it.
 *
 * @throws {WireError} `NOT_FOUND`, `FORBIDDEN` before `notBefore`
 */
export function requireRestore(key: KeyRecord, restoreId: string, device: DeviceName, now: number): RestoreRecord {
  const open = openRestore(key, now)
  if (open?.restoreId !== restoreId || !isSameDevice(open.device, device)) throw new WireError('NOT_FOUND')
  if (now < open.notBefore) throw new WireError('FORBIDDEN', 'notBefore: the restore waits')
  return open
}

/**
 * Only who opened a backup of the epoch in force holds x1.
 *
 * @throws {WireError} `VALIDATION_FAILED`
 */
export function requireProof(
  backend: Backend,
  { key, current }: { readonly key: KeyRecord; readonly current: EpochRecord },
  { identity, exchange }: DeviceName,
  proof: string,
): void {
  const { epoch, ssid, publicShares } = current
  const publicShare = publicShares[placesOf(current).device - 1] ?? new Uint8Array()
  const claim = { keyId: asKeyId(fromHex(key.keyId)), ssid: sessionId(ssid), epoch, publicShare }
  const device = new Uint8Array([...fromHex(identity), ...fromHex(exchange)])
  const held = verifyPossession(backend, claim, fromHex(proof), { purpose: 'restore', device })
  if (!held) throw new WireError('VALIDATION_FAILED', 'proof: does not verify')
}

function requireDevice({ identity, exchange, certificate }: DeviceKey): DeviceName {
  const bytes = { identity: fromHex(identity), exchange: fromHex(exchange), certificate: fromHex(certificate) }
  if (!isCertified(bytes)) throw new WireError('VALIDATION_FAILED', 'deviceKey.certificate: does not verify')
  requireExchangeKey(bytes.exchange, 'deviceKey.exchange')
  return { identity: identity.toLowerCase(), exchange: exchange.toLowerCase() }
}

function isSameDevice(one: DeviceName, other: DeviceName): boolean {
  return (
    sameBytes(fromHex(one.identity), fromHex(other.identity)) &&
    sameBytes(fromHex(one.exchange), fromHex(other.exchange))
  )
}
