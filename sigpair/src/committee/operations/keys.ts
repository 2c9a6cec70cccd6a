import { certifyHandover, type HandoverName, mayBegin, stageHandover } from '@tandem/ecdsa'
import type { Doc, Transaction } from '@tandem/store'
import { canonicalJson, toHex, WireError } from '@tandem/wire'
import type { PairRecord } from '../../records.ts'
import { type PairName, pairAt } from '../../stores.ts'
import type { CertificateFields } from './messages.ts'
import type { Node } from './node.ts'
import { emptyKey, handoverOf, keyOf, type KeyRecord, keyRecordAt, pairName, type ShareRecord } from './records.ts'

/** The record of a key changes in one durable write each time. Source: docs/spec/committee.md, section 6. */

/** Two sessions and a certificate may meet on one record. */
const PATIENT = { maxAttempts: 32 }

export async function readKey(node: Node, keyId: string): Promise<KeyRecord | undefined> {
  return (await node.store.get(keyRecordAt(keyId)))?.data
}

/**
 * @returns the record as it is now
 * @throws what `change` throws; nothing is written then
 */
export async function changeKey(
  node: Node,
  keyId: string,
  change: (record: KeyRecord | undefined) => KeyRecord,
): Promise<KeyRecord> {
  const changed = await node.store.transaction(async (tx) => {
    const doc = await tx.get(keyRecordAt(keyId))
    const next = change(doc?.data)
    if (next !== doc?.data) writeKey(tx, doc, next)
    return next
  }, PATIENT)
  tellWatchers(node, keyId)
  return changed
}

/** @throws {WireError} `NOT_FOUND`, `KEY_DELETED`, `KEY_PENDING`; `INVALID_KEY_SHARE` without a share in force */
export function requireCurrent(record: KeyRecord | undefined): ShareRecord {
  if (!record) throw new WireError('NOT_FOUND', 'keyId')
  if (record.status === 'DELETED') throw new WireError('KEY_DELETED')
  if (record.current) return record.current
  throw new WireError(record.status === 'PENDING' ? 'KEY_PENDING' : 'INVALID_KEY_SHARE')
}

/** How far a coordinator may be ahead of what we know: it must not be able to use up the numbers. */
const MAX_AHEAD = 1024

/** @throws {WireError} `EPOCH_MISMATCH` for a run that comes too late to be staged, or too far ahead */
export function requireNext(record: KeyRecord, name: HandoverName): void {
  const far = record.current !== null && name.attempt > attemptOf(record) + MAX_AHEAD
  if (far || !mayBegin(record, name)) throw new WireError('EPOCH_MISMATCH')
}

/** The highest this node has begun, staged or seen certified. */
export function attemptOf(record: KeyRecord | undefined): number {
  const { attempt = 0, certified = null, stages = [] } = record ?? {}
  return Math.max(attempt, certified?.attempt ?? 0, ...stages.map((stage) => stage.attempt))
}

/** The keyGen of this session has this key to itself, until the lease ends. */
export async function takePending(node: Node, keyId: string, sessionId: string): Promise<KeyRecord> {
  const until = node.now() + node.timing.leaseMs
  return changeKey(node, keyId, (found) => {
    const record = found ?? emptyKey(keyId)
    if (record.status === 'DELETED') throw new WireError('KEY_DELETED')
    if (record.current) return record
    const { pending } = record
    const taken = pending !== null && pending.until > node.now()
    if (taken && pending.sessionId === sessionId) return record
    if (taken) throw new WireError('KEY_PENDING')
    return { ...record, status: 'PENDING', pending: { sessionId, until } }
  })
}

/** The keyGen of this session is over; without a name, whichever it was: a process that begins has none. */
export async function endPending(node: Node, keyId: string, sessionId?: string): Promise<void> {
  if (!(await readKey(node, keyId))?.pending) return
  await changeKey(node, keyId, (found) => {
    const record = found ?? emptyKey(keyId)
    if (!record.pending || record.pending.sessionId !== (sessionId ?? record.pending.sessionId)) return record
    return { ...record, pending: null, status: record.current ? 'READY' : 'ERROR' }
  })
}

/** What a run left: our share, and a pair with every other member. */
export type Staged = { readonly share: ShareRecord; readonly pairs: readonly StagedPair[] }
type StagedPair = { readonly name: PairName; readonly record: PairRecord }

/**
 * Keeps it, unless something later was staged or certified in the meantime.
 *
 * @throws {WireError} `EPOCH_MISMATCH` then, `KEY_DELETED`, `KEY_PENDING` for a lease that has ended: our acknowledgement must not leave
 */
export async function stage(node: Node, keyId: string, { share, pairs }: Staged): Promise<void> {
  await node.store.transaction(async (tx) => {
    const doc = await tx.get(keyRecordAt(keyId))
    const record = doc?.data ?? emptyKey(keyId)
    if (record.status === 'DELETED') throw new WireError('KEY_DELETED')
    const leased = record.pending?.sessionId === toHex(share.stageId)
    if (share.protocol === 'keygen' && !leased) throw new WireError('KEY_PENDING', 'the lease has ended')
    const { key, answer } = stageHandover(record, share)
    if (answer !== 'staged') throw new WireError('EPOCH_MISMATCH')
    writeKey(tx, doc, { ...record, ...key, attempt: Math.max(record.attempt, share.attempt) })
    for (const { name, record: pair } of pairs) tx.create(pairAt(name), pair)
  }, PATIENT)
}

/** @throws {WireError} `EPOCH_MISMATCH` if it was superseded in the meantime: our acknowledgement must not leave */
export async function markRehearsed(node: Node, keyId: string, name: HandoverName): Promise<void> {
  await changeKey(node, keyId, (record) => {
    const held = record?.stages.some((one) => isSameHandover(one, name))
    if (!record || !held || record.status === 'DELETED') throw new WireError('EPOCH_MISMATCH')
    const stages = record.stages.map((one) => (isSameHandover(one, name) ? { ...one, rehearsed: true } : one))
    return { ...record, stages }
  })
}

/** The certificate has been verified: its committee is in force here, and what it replaces is erased. */
export async function certify(node: Node, certificate: CertificateFields): Promise<void> {
  const { receipt: _, ...kept } = certificate
  await node.store.transaction(async (tx) => {
    const doc = await tx.get(keyRecordAt(kept.keyId))
    const record = doc?.data
    if (!record || record.status === 'DELETED') return
    const name = handoverOf(kept)
    const { key, erase, answer } = certifyHandover(record, name)
    if (answer !== 'certified' || key === record) return
    const dead = await pairsOf(tx, node, kept.keyId, erase)
    const status = key.current ? 'READY' : 'ERROR'
    const attempt = Math.max(record.attempt, name.attempt)
    const pending = key.current ? null : record.pending
    writeKey(tx, doc, { ...record, ...key, status, attempt, pending, certificate: canonicalJson(kept) })
    retire(tx, dead)
  }, PATIENT)
  tellWatchers(node, kept.keyId)
}

/** Nothing is left to compute with, and the tombstone stays: the id is never used again. */
export async function purge(node: Node, keyId: string): Promise<void> {
  await node.store.transaction(async (tx) => {
    const doc = await tx.get(keyRecordAt(keyId))
    if (doc?.data.status !== 'DELETED') return
    const { current, stages } = doc.data
    const dead = await pairsOf(tx, node, keyId, [...(current ? [current] : []), ...stages])
    writeKey(tx, doc, { ...doc.data, current: null, stages: [] })
    retire(tx, dead)
  }, PATIENT)
}

/** Every key this node has a record of. */
export async function* allKeys({ store }: Pick<Node, 'store'>): AsyncGenerator<KeyRecord> {
  let after: string | undefined
  do {
    const page = await store.list<KeyRecord>('keys', { limit: 100, ...(after === undefined ? {} : { after }) })
    for (const { data } of page.docs) yield data
    after = page.next
  } while (after !== undefined)
}

export function tellWatchers({ watchers }: Pick<Node, 'watchers'>, keyId: string): void {
  for (const watcher of watchers) watcher(keyId.toLowerCase())
}

export function isSameHandover(a: HandoverName, b: HandoverName): boolean {
  return a.attempt === b.attempt && Buffer.compare(a.stageId, b.stageId) === 0
}

type DeadPair = { readonly name: PairName; readonly doc: Doc<PairRecord> }

async function pairsOf(tx: Transaction, { self }: Node, keyId: string, shares: readonly ShareRecord[]) {
  const names = shares.flatMap((share) =>
    keyOf(share)
      .members.filter((member) => member !== self)
      .map((member) => pairName(keyId, share.ssid, member)),
  )
  const found = await Promise.all(names.map(async (name) => ({ name, doc: await tx.get(pairAt(name)) })))
  return found.flatMap(({ name, doc }): DeadPair[] => (doc ? [{ name, doc }] : []))
}

function retire(tx: Transaction, pairs: readonly DeadPair[]): void {
  for (const { name, doc } of pairs) tx.update(pairAt(name), { ...doc.data, status: 'RETIRED', setup: null })
}

function writeKey(tx: Transaction, doc: Doc<KeyRecord> | undefined, record: KeyRecord): void {
  if (doc) tx.update(keyRecordAt(record.keyId), record)
  else tx.create(keyRecordAt(record.keyId), record)
}

/** A pair as it is when its run has made it. Its ssid is that of its name, by which its store finds it. */
export function freshPair({ keyId, ssid }: PairName, epoch: number, setup: PairRecord['setup']): PairRecord {
  const counters = { opened: 0, passed: 0, strikes: [], failures: [], stock: [], uses: 0 }
  return { keyId, epoch, ssid, status: 'ACTIVE', ...counters, setup, epochKey: null, successor: null }
}
