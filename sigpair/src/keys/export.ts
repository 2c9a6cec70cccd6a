import {
  type ExportResponse,
  fromHex,
  type KeyExportConfirmRequest,
  type KeyExportRequest,
  limits,
  type SealedShare,
  toHex,
  WireError,
} from '@tandem/wire'
import { amendKey, keyInForce, requireSigned } from './amend.ts'
import type { ShareTasks } from '../compute/share-tasks.ts'
import { requireExchangeKey } from '../crypto/hpke.ts'
import { sameBytes } from '../crypto/hash.ts'
import { openShare } from './epoch-key.ts'
import { namedBy } from './named-by.ts'
import { placesOf } from '../parties.ts'
import type { ExportRecord, KeyRecord } from '../records.ts'
import type { Stores } from '../stores.ts'

/** More that wait at once are no export but an attack on the record. */
const MAX_EXPORTS = 4

type Of = { readonly keyId: string; readonly owner: string }

/**
 * Asks for an export, by the word of the device. Nothing leaves before the delay is over; until it is confirmed anybody who is
 * signed in cancels it. Repeatable: the intent names it.
 *
 * @throws {WireError} as `amendKey`, `VALIDATION_FAILED` for a key of low order, `KEY_BUSY` when too many wait
 *
 * Source: docs/spec/flows.md 11.1.
 */
export async function prepareExport(
  stores: Stores,
  { delayMs }: { readonly delayMs: number },
  { keyId, owner, body, intent }: KeyExportRequest & Of,
): Promise<ExportResponse> {
  requireExchangeKey(fromHex(body.encryptionKey), 'encryptionKey')
  const exportId = namedBy('exp', keyId, intent.nonce)
  const asked = { keyId, owner, method: 'key.export' as const, signed: { intent, op: 'export' as const, body } }
  const { wanted } = await amendKey(stores, asked, ({ key, now }) => {
    const known = findExport(key, exportId, now)
    if (known) return { answer: { wanted: known } }
    const open = openExports(key, now)
    if (open.length >= MAX_EXPORTS) throw new WireError('KEY_BUSY', 'too many exports wait')
    const notBefore = now + delayMs
    const expiresAt = notBefore + limits.CONFIRM_MS
    const encryptionKey = body.encryptionKey.toLowerCase()
    const wanted = { exportId, encryptionKey, notBefore, expiresAt, confirmedAt: null }
    return { answer: { wanted }, change: { exports: [...open, wanted] }, metadata: { exportId, encryptionKey } }
  })
  return { exportId, notBefore: Math.ceil(wanted.notBefore / 1000), expiresAt: Math.floor(wanted.expiresAt / 1000) }
}

/**
 * Hands Sigpair's share out, sealed to the key that was named when the export was asked for. The key is marked exported,
 * durably and for ever, before the answer leaves. Repeatable until it expires.
 *
 * @throws {WireError} as `amendKey`, `NOT_FOUND` for an export that is cancelled, past or unknown, `FORBIDDEN` before
 *         `notBefore`, `INVALID_KEY_SHARE`, `EPOCH_MISMATCH` if the key rotated meanwhile
 *
 * Source: docs/spec/flows.md 11.2, storage.md 9.3.
 */
export async function confirmExport(
  stores: Stores,
  { tasks }: { readonly tasks: Pick<ShareTasks, 'sealShare'> },
  { keyId, owner, body, intent }: KeyExportConfirmRequest & Of,
): Promise<SealedShare> {
  const { exportId } = body
  const signed = { intent, op: 'export-confirm' as const, body }
  const { key, current } = await keyInForce(stores, keyId, owner)
  requireSigned(signed, key, current)
  const { encryptionKey } = requireRipe(key, exportId, stores.now())
  // Opened first, so that a KMS that does not answer marks nothing; answered only once the mark is durable.
  const share = await openShare(stores, key.keyId, current)
  const { enc, ciphertext } = await tasks.sealShare({ share, recipient: fromHex(encryptionKey) })

  await amendKey(stores, { keyId, owner, method: 'key.export-confirm', signed }, (found) => {
    if (!sameBytes(found.current.ssid, current.ssid)) throw new WireError('EPOCH_MISMATCH')
    const ripe = requireRipe(found.key, exportId, found.now)
    if (ripe.confirmedAt !== null) return { answer: ripe }
    const confirmed = { ...ripe, confirmedAt: found.now }
    const exports = openExports(found.key, found.now).map((one) => (one.exportId === exportId ? confirmed : one))
    return {
      answer: confirmed,
      change: { exports, exportedAt: found.key.exportedAt ?? found.now },
      metadata: { exportId, encryptionKey },
      event: { type: 'key.exported', status: found.status },
    }
  })
  const publicShare = toHex(current.publicShares[placesOf(current).self - 1] ?? new Uint8Array())
  return { epoch: current.epoch, publicShare, enc: toHex(enc), ciphertext: toHex(ciphertext) }
}

/**
 * Takes an export back that was not confirmed. No device is asked: who is signed in and did not ask for it must be able to.
 * Repeatable.
 *
 * @throws {WireError} as `amendKey`, `FORBIDDEN` if it was confirmed already
 *
 * Source: docs/spec/flows.md 11.3.
 */
export async function cancelExport(
  stores: Stores,
  { keyId, owner, exportId }: Of & { readonly exportId: string },
): Promise<{ readonly status: 'cancelled' }> {
  return amendKey(stores, { keyId, owner, method: 'key.export-cancel' }, ({ key, now }) => {
    const answer = { status: 'cancelled' as const }
    const known = findExport(key, exportId, now)
    if (!known) return { answer }
    if (known.confirmedAt !== null) throw new WireError('FORBIDDEN', 'the export was confirmed')
    const exports = openExports(key, now).filter((one) => one.exportId !== exportId)
    return { answer, change: { exports }, metadata: { exportId } }
  })
}

function requireRipe(key: KeyRecord, exportId: string, now: number): ExportRecord {
  const found = findExport(key, exportId, now)
  if (!found) throw new WireError('NOT_FOUND')
  if (now < found.notBefore) throw new WireError('FORBIDDEN', 'notBefore: the export waits')
  return found
}

function findExport(key: KeyRecord, exportId: string, now: number): ExportRecord | undefined {
  return openExports(key, now).find((one) => one.exportId === exportId)
}

function openExports({ exports }: KeyRecord, now: number): readonly ExportRecord[] {
  return exports.filter(({ expiresAt }) => now < expiresAt)
}
