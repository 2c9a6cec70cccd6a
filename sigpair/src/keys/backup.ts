import { type Backend, backupHash } from '@tandem/ecdsa'
import { type BackupResponse, fromHex, type KeyBackupRequest, toBase64url, toHex, WireError } from '@tandem/wire'
import { type Found, amendKey, keyInForce, requireSigned } from './amend.ts'
import type { ShareTasks } from '../compute/share-tasks.ts'
import { openShare } from './epoch-key.ts'
import { enrolledRecoveryKey } from './key-status.ts'
import { namedBy } from './named-by.ts'
import { requireRecoveryKey } from './recovery-key.ts'
import { sameBytes, sha2 } from '../crypto/hash.ts'
import type { BackupRecord, EpochRecord, KeyRecord } from '../records.ts'
import { backupAt, type Stores } from '../stores.ts'

export type BackupDeps = { readonly backend: Backend; readonly tasks: Pick<ShareTasks, 'encryptShare'> }

const ANOTHER = 'encryptionKey: another recovery key is enrolled; change it first'

type BackupAsked = KeyBackupRequest & { readonly keyId: string; readonly owner: string }

/**
 * Sigpair's share of the current epoch for the owner's recovery key. The first one enrols the key. Repeatable: one epoch and
 * one recovery key have one backup.
 *
 * @throws {WireError} as `amendKey`, `VALIDATION_FAILED` unless `encryptionKey` is a point and the enrolled recovery key,
 *         `INVALID_KEY_SHARE` if the share does not open, `EPOCH_MISMATCH` if the key rotated meanwhile
 *
 * Source: docs/spec/flows.md 10.1, backup.md.
 */
export async function backUp(
  stores: Stores,
  { backend, tasks }: BackupDeps,
  { keyId, owner, body, intent }: BackupAsked,
): Promise<BackupResponse> {
  const encryptionKey = requireRecoveryKey(backend, body.encryptionKey)
  const signed = { intent, op: 'backup' as const, body }
  // Refused before 0.3 s of computation, and again in the transaction.
  const { key, current } = await keyInForce(stores, keyId, owner)
  requireSigned(signed, key, current)
  requireEnrolled(key, encryptionKey, stores.now())
  const at = backupAt({ keyId, ssid: current.ssid }, encryptionKey)
  const made = (await stores.parties.get(at))?.data ?? (await encrypt(stores, tasks, key, current, encryptionKey))

  const asked = { keyId, owner, method: 'key.backup' as const, signed }
  const { record } = await amendKey(stores, asked, async (found) => {
    if (!sameBytes(found.current.ssid, current.ssid)) throw new WireError('EPOCH_MISMATCH')
    const enrolled = requireEnrolled(found.key, encryptionKey, found.now)
    const known = await found.tx.get(at)
    if (known && enrolled) return { answer: { record: known.data } }
    return {
      answer: { record: known?.data ?? made },
      change: enrolled ? {} : { recoveryKey: { current: encryptionKey, pending: null } },
      metadata: {
        verificationHash: toHex((known?.data ?? made).hash),
        recoveryKey: encryptionKey,
        enrolled: !enrolled,
      },
      ...(known ? {} : { also: (tx: Found['tx']) => tx.create(at, made) }),
    }
  })
  return responseOf(record)
}

/** @returns whether it is enrolled; false if none is. @throws {WireError} `VALIDATION_FAILED` if another one is */
function requireEnrolled(key: KeyRecord, encryptionKey: string, now: number): boolean {
  const enrolled = enrolledRecoveryKey(key, now)
  const another = new WireError('VALIDATION_FAILED', ANOTHER)
  if (enrolled !== null && enrolled !== encryptionKey) throw another // check L13
  return enrolled !== null
}

async function encrypt(
  stores: Stores,
  tasks: BackupDeps['tasks'],
  { keyId }: KeyRecord,
  current: EpochRecord,
  recoveryKey: string,
): Promise<BackupRecord> {
  const share = await openShare(stores, keyId, current)
  const ciphertext = await tasks.encryptShare({ share, ek: fromHex(recoveryKey) })
  return backupRecord(keyId, current, { recoveryKey, ciphertext, createdAt: stores.now() })
}

/** A backup of this epoch as it is kept. `recoveryKey`: lower-case 0x-hex. */
function backupRecord(
  keyId: string,
  { epoch, ssid }: Pick<EpochRecord, 'epoch' | 'ssid'>,
  made: Pick<BackupRecord, 'recoveryKey' | 'ciphertext' | 'createdAt'>,
): BackupRecord {
  const backupId = namedBy('bak', keyId, toHex(ssid), made.recoveryKey)
  return { keyId: keyId.toLowerCase(), epoch, ...made, backupId, hash: backupHash(sha2, made.ciphertext) }
}

function responseOf({ backupId, epoch, ciphertext, hash }: BackupRecord): BackupResponse {
  return { backupId, epoch, encryptedData: toBase64url(ciphertext), verificationHash: toHex(hash) }
}
