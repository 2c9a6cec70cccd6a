import {
  AUDIT_START,
  type AuditCheckpoint,
  type AuditEntry,
  type AuditHead,
  auditHeadBytes,
  type AuditLine,
  type AuditPage,
  type AuditProof,
  MAX_AUDIT_PAGE,
  toHex,
  WireError,
} from '@tandem/wire'
import { deliverOutbox } from './audit-outbox.ts'
import { AUDIT_CHECKPOINTS, AUDIT_LINES, auditHeadAt, type AuditLineRecord, auditLineAt } from './audit-records.ts'
import type { SigpairIdentity } from '../keys/identity.ts'
import { keyAt, type Stores } from '../stores.ts'

/** Whose log, and how to sign its head. */
export type AuditReader = { readonly stores: Stores; readonly identity: SigpairIdentity['identity'] }

/** The end of a key's chain, signed. Whoever keeps it sees when lines behind it disappear. Source: docs/spec/audit.md 3.1. */
export async function signedHead({ stores, identity }: AuditReader, keyId: string): Promise<AuditHead> {
  const id = keyId.toLowerCase()
  const { seq, hash } = (await stores.presignatures.get(auditHeadAt(id)))?.data ?? { seq: 0, hash: AUDIT_START }
  const head = { keyId: id, seq, hash }
  return { ...head, signature: toHex(identity.sign(auditHeadBytes(head))) }
}

/**
 * Lines of a key's log, for its owner.
 *
 * @param asked.after the last seq the caller has
 * @throws {WireError} `NOT_FOUND` for no key or a foreign one
 */
export async function readAuditPage(
  reader: AuditReader,
  owner: string,
  { keyId, after, limit }: { readonly keyId: string; readonly after: number; readonly limit: number },
): Promise<AuditPage> {
  await requireOwn(reader.stores, keyId, owner)
  await deliverOutbox(reader.stores, keyId)
  const head = await signedHead(reader, keyId)
  const { lines, next } = await linesAfter(reader.stores, head.keyId, after, limit)
  const last = lines.at(-1)?.entry.seq ?? after
  const checkpoint = await lastCheckpoint(reader.stores, head.keyId, after, last)
  return { lines, head, ...(checkpoint && { checkpoint }), ...(next && { next: last }) }
}

/**
 * The lines from `seq` to the first checkpoint at or after it.
 *
 * @throws {WireError} `NOT_FOUND` for no such line, no key or a foreign one
 */
export async function readAuditProof(
  reader: AuditReader,
  owner: string,
  { keyId, seq }: { readonly keyId: string; readonly seq: number },
): Promise<AuditProof> {
  const { stores } = reader
  await requireOwn(stores, keyId, owner)
  const head = await signedHead(reader, keyId)
  if (seq > head.seq) throw new WireError('NOT_FOUND')
  const [checkpoint] = await checkpointsAfter(stores, head.keyId, seq - 1, 1)
  const count = Math.min((checkpoint?.seq ?? head.seq) - seq + 1, MAX_AUDIT_PAGE)
  const { lines } = await linesAfter(stores, head.keyId, seq - 1, count)
  return { lines, head, ...(checkpoint && { checkpoint }) }
}

async function requireOwn({ parties }: Stores, keyId: string, owner: string): Promise<void> {
  if ((await parties.get(keyAt(keyId)))?.data.owner !== owner) throw new WireError('NOT_FOUND')
}

async function linesAfter({ presignatures }: Stores, keyId: string, after: number, limit: number) {
  const query = { prefix: `${keyId}:`, limit, ...(after > 0 && { after: auditLineAt(keyId, after).id }) }
  const { docs, next } = await presignatures.list<AuditLineRecord>(AUDIT_LINES, query)
  return { lines: docs.map(({ data }) => lineOf(data)), next }
}

/** The entry was written by this program, from this type. */
function lineOf({ entry, prev, hash }: AuditLineRecord): AuditLine {
  return { entry: JSON.parse(entry) as AuditEntry, prev, hash }
}

async function checkpointsAfter({ presignatures }: Stores, keyId: string, after: number, limit: number) {
  const query = { prefix: `${keyId}:`, limit, ...(after > 0 && { after: auditLineAt(keyId, after).id }) }
  return (await presignatures.list<AuditCheckpoint>(AUDIT_CHECKPOINTS, query)).docs.map(({ data }) => data)
}

async function lastCheckpoint(stores: Stores, keyId: string, after: number, last: number) {
  const found = await checkpointsAfter(stores, keyId, after, MAX_AUDIT_PAGE)
  return found.filter(({ seq }) => seq <= last).at(-1)
}
