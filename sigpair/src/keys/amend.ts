import type { Transaction } from '@tandem/store'
import { type Intent, type KeyEventType, type KeyStatus, toHex, WireError } from '@tandem/wire'
import type { AuditMethod } from '../audit/audit-records.ts'
import { audited } from '../audit/audit-outbox.ts'
import { type EventCursor, readEventCursor, writeEvent } from '../events/events.ts'
import { readIntent, spendIntent, verifyIntent } from './intent.ts'
import { type KeyView, readKey } from './key-status.ts'
import { raiseUses } from './pair-store.ts'
import type { EpochRecord, KeyRecord } from '../records.ts'
import { keyAt, type Stores } from '../stores.ts'

/** A key that has been committed, whatever its pair is. */
export type KeyInForce = KeyView & { readonly current: EpochRecord }

/**
 * The key, for its owner. It need not sign: backup, export and deletion stay open to a key that is frozen.
 *
 * @throws {WireError} `NOT_FOUND` for none or a foreign one, `KEY_DELETED`, `KEY_PENDING`, `INVALID_KEY_SHARE` after a failed
 *         generation
 */
export async function keyInForce(stores: Stores, keyId: string, owner: string): Promise<KeyInForce> {
  const view = await readKey(stores, keyId)
  const { key, current } = requireInForce(view?.key, owner)
  return { key, current, pair: view?.pair, status: view?.status ?? 'STALE' }
}

type Committed = { readonly key: KeyRecord; readonly current: EpochRecord }

function requireInForce(key: KeyRecord | undefined, owner: string): Committed {
  if (!key || key.owner !== owner) throw new WireError('NOT_FOUND')
  if (key.status === 'DELETED') throw new WireError('KEY_DELETED')
  if (key.status === 'ERROR') throw new WireError('INVALID_KEY_SHARE')
  if (!key.current) throw new WireError('KEY_PENDING')
  return { key, current: key.current }
}

/** Who asks for a change of which key, and what it is called. */
export type Asked = {
  readonly keyId: string
  readonly owner: string
  readonly method: AuditMethod
  /** the word of a device; without one the backend's is enough */
  readonly signed?: Signed | undefined
}

export type Signed = {
  readonly intent: Intent
  readonly op: Intent['op']
  /** the request body without `intent` */
  readonly body: object
  /** Ed25519 identity that must have signed, 0x-hex; the enrolled device's when absent */
  readonly by?: string | undefined
}

/** The key as the transaction finds it, after the intent has been verified. */
export type Found = Committed & {
  /** reads only: the writes go into the answer */
  readonly tx: Transaction
  /** shortly before */
  readonly status: KeyStatus
  /** this very operation was done with this intent before */
  readonly spent: boolean
  /** ms since 1970 */
  readonly now: number
}

/** What becomes of it. Without `change` nothing is written, and the intent is not spent. */
export type Amendment<T> = {
  readonly answer: T
  readonly change?: Partial<KeyRecord>
  readonly metadata?: Readonly<Record<string, string | number | boolean>>
  readonly event?: { readonly type: KeyEventType; readonly status: KeyStatus }
  /** further writes of the same transaction */
  readonly also?: (tx: Transaction) => void
}

/**
 * Changes the record of a key in force in one transaction, with its audit line and its event: all of it, or nothing. The
 * intent is verified against the device and epoch that the transaction sees, and spent with the change.
 *
 * @throws {WireError} as {@link keyInForce}, `FORBIDDEN` for a bad intent, and whatever `decide` throws
 *
 * Source: docs/spec/flows.md 1.5, storage.md 9.1.
 */
export async function amendKey<T extends object>(
  stores: Stores,
  asked: Asked,
  decide: (found: Found) => Amendment<T> | Promise<Amendment<T>>,
): Promise<T> {
  const { owner, method, signed } = asked
  const keyId = asked.keyId.toLowerCase()
  // First of all: a record that a copy brought back must be known as such before its counter moves.
  const { status } = await keyInForce(stores, keyId, owner)
  const { answer, next } = await audited(stores, keyId, async (tx, note) => {
    const { key, current } = requireInForce((await tx.get(keyAt(keyId)))?.data, owner)
    const cursor = await readEventCursor(tx, keyId)
    const unspent = signed && (await readIntent(tx, signed.intent))
    if (signed) requireSigned(signed, key, current)
    const now = stores.now()
    const found = {
      tx,
      key,
      current,
      status,
      spent: signed !== undefined && unspent?.spent?.data.op === signed.op,
      now,
    }
    const { answer, change, metadata, event, also } = await decide(found)
    if (!change) return { answer, next: undefined }

    if (unspent) spendIntent(tx, unspent, now)
    const next = { ...key, ...change, uses: key.uses + 1 }
    tx.update(keyAt(keyId), next)
    also?.(tx)
    note({ method, owner, metadata: { epoch: current.epoch, ...metadata } })
    if (event) tell(tx, cursor, { key: next, current, ...event }, now)
    return { answer, next: { ssid: current.ssid, uses: next.uses } }
  })
  if (next) await raiseUses(stores, { keyId, ssid: next.ssid }, next.uses)
  return answer
}

/** @throws {WireError} `FORBIDDEN`, details naming the field */
export function requireSigned({ intent, op, body, by }: Signed, key: KeyRecord, { epoch }: EpochRecord): void {
  verifyIntent(intent, { op, keyId: key.keyId, epoch, body, device: by ?? key.device.identity })
}

type Told = Committed & { readonly type: KeyEventType; readonly status: KeyStatus }

function tell(tx: Transaction, cursor: EventCursor, { key, current, type, status }: Told, now: number): void {
  const { keyId, owner } = key
  const { epoch, publicKey } = current
  writeEvent(tx, cursor, { type, keyId, owner, epoch, status, publicKey: toHex(publicKey) }, now)
}
