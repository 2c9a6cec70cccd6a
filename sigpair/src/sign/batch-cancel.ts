import { WireError } from '@tandem/wire'
import { audited } from '../audit/audit-outbox.ts'
import { sessionAt, type Stores } from '../stores.ts'
import { batchAt, type BatchName, loadBatch } from './batch-records.ts'

/**
 * Gives a prepared batch up: from here on nobody gets a signature for any of it, not even a request that is under way, because
 * what it makes is stored in a transaction that looks here first. Repeatable.
 *
 * @throws {WireError} `NOT_FOUND`; `SESSION_CONSUMED` for one that is signed
 *
 * Source: docs/spec/flows.md 15.6.
 */
export async function cancelBatch(stores: Stores, asked: BatchName): Promise<void> {
  const { batchId, keyId, owner, sessionIds } = await loadBatch(stores, asked)
  const at = batchAt(batchId)
  const [first] = sessionIds
  await audited(stores, keyId, async (tx, note) => {
    const [doc, session] = [await tx.get(at), first === undefined ? undefined : await tx.get(sessionAt(first))]
    if (!doc || !session) throw new WireError('NOT_FOUND')
    // All of a batch are signed in one transaction: one tells for all.
    if (session.data.signature || doc.data.released) throw new WireError('SESSION_CONSUMED')
    if (doc.data.failed || doc.data.cancelled) return
    tx.update(at, { ...doc.data, cancelled: true }, { expireAt: doc.expireAt })
    note({ method: 'batch.cancel', owner, metadata: { batchId, operations: sessionIds.length } })
  })
}
