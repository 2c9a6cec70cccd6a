import type { Log } from '@tandem/service'
import { isStoreError } from '@tandem/store'
import { auditCheckpointBytes, toHex } from '@tandem/wire'
import { AUDIT_HEADS, auditCheckpointAt, type AuditHeadRecord } from './audit-records.ts'
import { sha256 } from '../crypto/hash.ts'
import type { Kms } from '../seal/kms.ts'
import type { Stores } from '../stores.ts'

/** How far a tail may be that only Sigpair itself could vouch for. */
const EVERY_MS = 3_600_000

const PAGE = 200

/** Who signs checkpoints, and with which key version. */
export type CheckpointSigner = { readonly kms: Pick<Kms, 'sign'>; readonly version: string }

/**
 * Signs the head of every chain that has grown since its last checkpoint, with a key that never leaves the KMS: whoever takes
 * over Sigpair and its databases can write no other past. Repeatable, by any instance.
 *
 * @returns how many were signed
 *
 * Source: docs/spec/audit.md 3.2.
 */
export async function checkpointAll(
  { presignatures, now }: Pick<Stores, 'presignatures' | 'now'>,
  signer: CheckpointSigner,
): Promise<number> {
  let signed = 0
  let after: string | undefined
  do {
    const query = { limit: PAGE, ...(after !== undefined && { after }) }
    const page = await presignatures.list<AuditHeadRecord>(AUDIT_HEADS, query)
    for (const { data } of page.docs) {
      if (await checkpoint({ presignatures, now }, signer, data)) signed += 1
    }
    after = page.next
  } while (after !== undefined)
  return signed
}

async function checkpoint(
  { presignatures, now }: Pick<Stores, 'presignatures' | 'now'>,
  { kms, version }: CheckpointSigner,
  { keyId, seq, hash }: AuditHeadRecord,
): Promise<boolean> {
  const at = auditCheckpointAt(keyId, seq)
  if (await presignatures.get(at)) return false
  const head = { keyId, seq, hash, timestamp: new Date(now()).toISOString() }
  const signature = await kms.sign(version, sha256(auditCheckpointBytes(head)))
  try {
    await presignatures.create(at, { ...head, kmsKey: version, signature: toHex(signature) })
    return true
  } catch (error) {
    // Another instance was faster; its checkpoint is as good.
    if (isStoreError(error, 'EXISTS')) return false
    throw error
  }
}

/** @returns how to stop */
export function checkpointEvery(
  stores: Pick<Stores, 'presignatures' | 'now'>,
  signer: CheckpointSigner,
  log: Log,
  everyMs = EVERY_MS,
): () => void {
  const run = async () => {
    try {
      await checkpointAll(stores, signer)
    } catch (cause) {
      log.warn({ event: 'audit.checkpoint-failed', cause })
    }
  }
  const timer = setInterval(() => void run(), everyMs)
  timer.unref()
  return () => clearInterval(timer)
}
