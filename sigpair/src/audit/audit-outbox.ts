import { randomUUID } from 'node:crypto'
import type { Transaction } from '@tandem/store'
import { writeAudit } from './audit.ts'
import { AUDIT_OUTBOX, type AuditEvent, auditOutboxAt, type AuditOutboxRecord } from './audit-records.ts'
import type { Stores } from '../stores.ts'

type Databases = Pick<Stores, 'parties' | 'presignatures' | 'now'>

/** Says in a transaction what it does. Nothing said, nothing written. */
export type Note = (event: AuditEvent) => void

/**
 * A transaction in `parties` that leaves lines in the chain, which lives in `presignatures`: what is noted becomes durable with
 * the change, and is in the chain before this resolves. After a crash in between it is delivered by {@link deliverOutbox}.
 *
 * Source: docs/spec/audit.md 2.4; docs/decisions/0006-audit-chain.md.
 */
export async function audited<R>(
  stores: Databases,
  keyId: string,
  change: (tx: Transaction, note: Note) => Promise<R>,
): Promise<R> {
  const insertId = randomUUID()
  const { result, events } = await stores.parties.transaction(async (tx) => {
    const noted: AuditEvent[] = []
    const made = await change(tx, (event) => void noted.push({ ...event, at: stores.now() }))
    if (noted.length > 0) tx.create(auditOutboxAt(keyId, insertId), { keyId: keyId.toLowerCase(), events: noted })
    return { result: made, events: noted }
  })
  if (events.length > 0) await deliver(stores, insertId, { keyId, events })
  return result
}

/**
 * Delivers what a crash has left. Repeatable, by any instance at any time.
 *
 * @param keyId of one key only; all when absent
 */
export async function deliverOutbox(stores: Databases, keyId?: string): Promise<number> {
  const prefix = keyId === undefined ? {} : { prefix: `${keyId.toLowerCase()}:` }
  const { docs } = await stores.parties.list<AuditOutboxRecord>(AUDIT_OUTBOX, { limit: 100, ...prefix })
  for (const { id, data } of docs) await deliver(stores, id.slice(id.indexOf(':') + 1), data)
  return docs.length
}

async function deliver(stores: Databases, insertId: string, { keyId, events }: AuditOutboxRecord): Promise<void> {
  const named = events.map((event, i) => ({ ...event, insertId: `${insertId}.${i}` }))
  await writeAudit(stores, keyId, ...named)
  await stores.parties.delete(auditOutboxAt(keyId, insertId))
}
