import type { Doc, Transaction } from '@tandem/store'
import { AUDIT_START, auditHash, type AuditEntry, canonicalJson, toHex, utf8 } from '@tandem/wire'
import { type AuditEvent, auditHeadAt, auditLineAt, type AuditHeadRecord } from './audit-records.ts'
import { sha256 } from '../crypto/hash.ts'
import type { Stores } from '../stores.ts'

/** A line that was delivered once is recognised among this many later ones. */
const REMEMBERED = 32

/** The end of a key's chain as a transaction found it. */
export type AuditTail = { readonly keyId: string; readonly head: Doc<AuditHeadRecord> | undefined }

/** Reads of a transaction come before its writes: this is the read of {@link appendAudit}. */
export async function readAudit(tx: Transaction, keyId: string): Promise<AuditTail> {
  const id = keyId.toLowerCase()
  return { keyId: id, head: await tx.get(auditHeadAt(id)) }
}

/**
 * Adds lines to the key's chain in the transaction of what they tell, once per transaction.
 *
 * @param now ms since 1970
 *
 * Source: docs/spec/audit.md, section 2.
 */
export function appendAudit(tx: Transaction, tail: AuditTail, now: number, ...events: readonly AuditEvent[]): void {
  let { seq, hash, delivered } = tail.head?.data ?? { seq: 0, hash: AUDIT_START, delivered: [] }
  for (const event of events) {
    seq += 1
    const prev = hash
    const entry = entryOf(tail.keyId, seq, now, event)
    hash = auditHash(prev, entry)
    if (event.insertId !== undefined) delivered = [...delivered, event.insertId].slice(-REMEMBERED)
    tx.create(auditLineAt(tail.keyId, seq), { entry: canonicalJson(entry), prev, hash })
  }
  const head = { keyId: tail.keyId, seq, hash, delivered }
  if (tail.head) tx.update(auditHeadAt(tail.keyId), head)
  else tx.create(auditHeadAt(tail.keyId), head)
}

/** Whether the line of this id is in the chain. */
export function isDelivered({ head }: AuditTail, insertId: string): boolean {
  return head?.data.delivered.includes(insertId) ?? false
}

/** A line of its own, for what changes nothing else in this database. Durable when it resolves. */
export async function writeAudit(
  { presignatures, now }: Pick<Stores, 'presignatures' | 'now'>,
  keyId: string,
  ...events: readonly AuditEvent[]
): Promise<void> {
  await presignatures.transaction(async (tx) => {
    const tail = await readAudit(tx, keyId)
    const fresh = events.filter(({ insertId }) => insertId === undefined || !isDelivered(tail, insertId))
    if (fresh.length > 0) appendAudit(tx, tail, now(), ...fresh)
  }, PATIENT)
}

/** The head is one hot document per key. */
const PATIENT = { maxAttempts: 32 }

/** A user in a log that is kept: linkable, not readable. */
export function principalOf(owner: string): string {
  return toHex(sha256(utf8(owner)))
}

function entryOf(keyId: string, seq: number, now: number, event: AuditEvent): AuditEntry {
  const { method, owner, code = 'OK', message, insertId, metadata = {} } = event
  return {
    seq,
    timestamp: new Date(event.at ?? now).toISOString(),
    serviceName: 'sigpair',
    methodName: method,
    resourceName: `keys/${keyId}`,
    authenticationInfo: { principalSubject: owner === undefined ? 'sigpair' : principalOf(owner) },
    status: { code, ...(message === undefined ? {} : { message }) },
    ...(insertId === undefined ? {} : { insertId }),
    metadata,
  }
}
