import type { Doc, Transaction } from '@tandem/store'
import { limits, toHex, WireError } from '@tandem/wire'
import { appendAudit, readAudit } from '../audit/audit.ts'
import { activePair, put } from '../keys/pair-store.ts'
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
  /** of one presignature for each session, 32 bytes */
  readonly ids: readonly Uint8Array[]
}

/**
 * Takes the presignatures of a whole batch out of stock, counts its spending and writes its one audit line, in one
 * transaction: all or nothing, and once. What `consume` says of one presignature holds for each.
 *
 * @returns the encodings in the order of the sessions; the caller erases them
 * @throws {WireError} `PRESIGNATURE_CONSUMED`, `POLICY_DENIED`, each naming the operation and leaving every presignature
 *         usable; `VALIDATION_FAILED` if one is given twice; as {@link checkNotReleased}; `KEY_FROZEN`
 *
 * Source: docs/spec/flows.md 15.4.
 */
export async function releaseBatch(stores: Stores, wanted: WantedBatch): Promise<Uint8Array[]> {
  const { pair, ids } = wanted
  const names = ids.map(toHex)
  if (new Set(names).size !== names.length) throw new WireError('VALIDATION_FAILED', 'signatures: one id twice') // check S16
  const docs = await Promise.all(names.map(async (id) => stores.presignatures.get(presignatureAt(pair.keyId, id))))
  const payloads = await openAll(stores, pair, docs)
  try {
    await entombAll(stores, wanted, names)
    return payloads
  } catch (error) {
    for (const payload of payloads) payload.fill(0)
    throw error
  }
}

/** Opened first, so that a KMS that does not answer costs no presignature. */
async function openAll(
  { sealer, now }: Stores,
  pair: PairInEpoch,
  docs: readonly (Doc<PresignatureRecord> | undefined)[],
): Promise<Uint8Array[]> {
  const sealed = forEachNamed(docs, (doc) => usable(doc, pair, now()))
  const opened = await Promise.allSettled(sealed.map(async (one) => sealer.open(contextOf(pair), one)))
  const failed = opened.find((one) => one.status === 'rejected')
  const payloads = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  if (failed === undefined) return payloads
  for (const payload of payloads) payload.fill(0)
  throw failed.reason
}

async function entombAll(stores: Stores, { pair, batchId, sessions }: WantedBatch, names: readonly string[]) {
  const { presignatures, now } = stores
  const { keyId } = pair
  const mark = await policyMark(stores, keyId)
  await presignatures.transaction(async (tx) => {
    const doc = await activePair(tx, pair)
    checkNotReleased((await tx.get(batchReleaseAt(keyId, batchId)))?.data, now())
    const found = await readUsable(tx, pair, names, now())
    const tail = await readAudit(tx, keyId)
    const { version, charge } = await judgeReleases(tx, { keyId, mark, sessions: sessions.map(namedOf) }, now())

    const stock = doc.data.stock.filter((id) => !names.includes(id))
    put(tx, pair, doc, { stock, uses: Math.max(doc.data.uses, ...sessions.map(({ use }) => use)) })
    for (const [i, { id, data }] of found.entries()) {
      const sessionId = sessions[i]?.sessionId ?? null
      tx.update(presignatureAt(keyId, id), { ...data, status: 'CONSUMED', payload: null, sessionId })
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
async function readUsable(tx: Transaction, pair: PairInEpoch, names: readonly string[], now: number) {
  const docs = await Promise.all(names.map(async (id) => tx.get(presignatureAt(pair.keyId, id))))
  forEachNamed(docs, (doc) => usable(doc, pair, now))
  return names.flatMap((id, i) => (docs[i] ? [{ id, data: docs[i].data }] : []))
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
