import type { PartyIndex } from '@tandem/rounds'
import type { Doc, Transaction } from '@tandem/store'
import { limits, toHex, WireError } from '@tandem/wire'
import { appendAudit, readAudit } from '../audit/audit.ts'
import { activePair, put } from '../keys/pair-store.ts'
import { type PairOf, requirePeers } from '../keys/peer-pairs.ts'
import { contextOf, type PairInEpoch, usable } from '../keys/presignature-store.ts'
import { judgeReleases, policyMark } from '../policy/policy-store.ts'
import type { PresignatureRecord, SessionRecord } from '../records.ts'
import { presignatureAt, type Stores } from '../stores.ts'
import { digestsOf, namedOf } from './batch-prepare.ts'
import { REMEMBERED_MS } from './session-store.ts'
import { type BatchRelease, batchReleaseAt, forEachNamed } from './batch-records.ts'

/** How long the request that released a batch may still be computing: after that it has crashed. */
export const RELEASING_MS = 2 * limits.INTERNAL_CALL_MS

/** What leaves the stock for which batch. */
export type WantedBatch = {
  readonly pair: PairInEpoch
  readonly batchId: string
  readonly sessions: readonly SessionRecord[]
  /** of one presignature for each session, 32 bytes; undefined at a member that does not hold it and only counts */
  readonly ids: readonly (Uint8Array | undefined)[]
  /** at a member: what it made the presignatures with must be ACTIVE still */
  readonly peers?: { readonly pairOf: PairOf; readonly indices: readonly PartyIndex[] }
}

/**
 * Takes the presignatures of a whole batch out of stock, counts its spending and writes its one audit line, in one
 * transaction: all or nothing, and once. What `consume` says of one presignature holds for each.
 *
 * @returns the encodings in the order of the sessions, undefined where there is no id; the caller erases them
 * @throws {WireError} `PRESIGNATURE_CONSUMED`, `POLICY_DENIED`, each naming the operation and leaving every presignature
 *         usable; `VALIDATION_FAILED` if one is given twice; as {@link checkNotReleased}; `KEY_FROZEN`
 *
 * Source: docs/spec/flows.md 15.4.
 */
export async function releaseBatch(stores: Stores, wanted: WantedBatch): Promise<(Uint8Array | undefined)[]> {
  const { pair, ids } = wanted
  const names = ids.map((id) => id && toHex(id))
  const held = names.filter((name) => name !== undefined)
  if (new Set(held).size !== held.length) throw new WireError('VALIDATION_FAILED', 'signatures: one id twice') // check S16
  const docs = await readAll(names, async (id) => stores.presignatures.get(presignatureAt(pair.keyId, id)))
  const payloads = await openAll(stores, pair, docs)
  try {
    await entombAll(stores, wanted, names)
    return payloads
  } catch (error) {
    for (const payload of payloads) payload?.fill(0)
    throw error
  }
}

type Found = { readonly id: string; readonly doc: Doc<PresignatureRecord> | undefined }

/** The holes stay holes. */
async function readAll(
  names: readonly (string | undefined)[],
  read: (id: string) => Promise<Doc<PresignatureRecord> | undefined>,
): Promise<(Found | undefined)[]> {
  return Promise.all(names.map(async (id) => (id === undefined ? undefined : { id, doc: await read(id) })))
}

/** Opened first, so that a KMS that does not answer costs no presignature. */
async function openAll(
  { sealer, now }: Stores,
  pair: PairInEpoch,
  docs: readonly (Found | undefined)[],
): Promise<(Uint8Array | undefined)[]> {
  const sealed = forEachNamed(docs, (found) => found && usable(found.doc, pair, now()))
  const opened = await Promise.allSettled(sealed.map(async (one) => one && sealer.open(contextOf(pair), one)))
  const failed = opened.find((one) => one.status === 'rejected')
  const payloads = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  if (failed === undefined) return payloads
  for (const payload of payloads) payload?.fill(0)
  throw failed.reason
}

async function entombAll(
  stores: Stores,
  { pair, batchId, sessions, peers }: WantedBatch,
  names: readonly (string | undefined)[],
) {
  const { presignatures, now } = stores
  const { keyId } = pair
  const mark = await policyMark(stores, keyId)
  await presignatures.transaction(async (tx) => {
    const doc = await activePair(tx, pair)
    checkNotReleased((await tx.get(batchReleaseAt(keyId, batchId)))?.data, now())
    const found = await readUsable(tx, pair, names, now())
    if (peers) await requirePeers(tx, peers.pairOf, peers.indices)
    const tail = await readAudit(tx, keyId)
    const { version, charge } = await judgeReleases(tx, { keyId, mark, sessions: sessions.map(namedOf) }, now())

    const stock = doc.data.stock.filter((id) => !names.includes(id))
    put(tx, pair, doc, { stock, uses: Math.max(doc.data.uses, ...sessions.map(({ use }) => use)) })
    for (const [i, one] of found.entries()) {
      const sessionId = sessions[i]?.sessionId ?? null
      const spent = { status: 'CONSUMED' as const, payload: null, sessionId }
      if (one?.doc) tx.update(presignatureAt(keyId, one.id), { ...one.doc.data, ...spent })
    }
    tx.create(batchReleaseAt(keyId, batchId), { at: now() }, { expireAt: now() + REMEMBERED_MS })
    charge()
    const proven = sessions.every((session) => session.proven) ? { secondFactor: 'proven' } : {}
    const digests = digestsOf(sessions)
    const metadata = { batchId, operations: sessions.length, digests, policy: version, ...proven }
    appendAudit(tx, tail, now(), { method: 'batch.release', owner: sessions[0]?.owner, metadata })
  })
}

/** Looked at again inside the transaction: what was usable a moment ago may be another's now. */
async function readUsable(tx: Transaction, pair: PairInEpoch, names: readonly (string | undefined)[], now: number) {
  const found = await readAll(names, async (id) => tx.get(presignatureAt(pair.keyId, id)))
  forEachNamed(found, (one) => one && usable(one.doc, pair, now))
  return found
}

/** A batch whose presignatures are gone and which has no signatures. */
export class BatchLost extends Error {
  override readonly name = 'BatchLost'
}

/**
 * A batch is released once.
 *
 * @throws {WireError} `REQUEST_IN_PROGRESS` while the request that did it may be computing
 * @throws {BatchLost} after that
 */
export function checkNotReleased(release: BatchRelease | undefined, now: number): void {
  if (release === undefined) return
  if (now - release.at < RELEASING_MS) throw new WireError('REQUEST_IN_PROGRESS', undefined, { retryAfter: 1 })
  throw new BatchLost('released, and never signed')
}
