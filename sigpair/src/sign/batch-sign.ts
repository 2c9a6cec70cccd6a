import { ProtocolAbort } from '@tandem/rounds'
import { WireError } from '@tandem/wire'
import { audited } from '../audit/audit-outbox.ts'
import { readyKey } from '../keys/key-status.ts'
import { recordFailure } from '../keys/pair-store.ts'
import type { SessionRecord } from '../records.ts'
import { type PairName, sessionAt, type Stores } from '../stores.ts'
import { digestsOf } from './batch-prepare.ts'
import {
  batchAt,
  type BatchName,
  type BatchRecord,
  batchReleaseAt,
  checkOpen,
  forEachNamed,
  loadBatch,
  loadSessions,
  namesOf,
  signingFailed,
} from './batch-records.ts'
import { BatchLost, checkNotReleased, releaseBatch } from './batch-release.ts'
import { checkUnsigned } from './session-store.ts'
import { type CompleteSignature, shareOf, type Signed } from './sign-session.ts'

export type BatchCompletion = BatchName & {
  /** p1SignatureShare of each operation, in order; absent to hear again what was signed */
  readonly signatures?: readonly string[] | undefined
  /** the backend's word that the user proved the second factor for this batch */
  readonly proven?: boolean | undefined
}

export type SignedSession = Signed & { readonly sessionId: string }

/**
 * The signatures of a prepared batch, all or none. Repeatable: once there are any they are answered again, whatever comes
 * with the request. A batch is released once; one that was released and could not be signed has failed for good.
 *
 * @throws {WireError} `VALIDATION_FAILED` unless there is a proper share for each operation; `SESSION_CONSUMED` after its
 *         time, or once it was cancelled; `MPC_SIGNING_FAILED`, naming the operations, once presignatures were consumed and shares made no
 *         signature; all of `releaseBatch` and of `readyKey`, which cost nothing
 *
 * Source: docs/spec/flows.md 15.4.
 */
export async function completeBatch(
  stores: Stores,
  complete: CompleteSignature,
  asked: BatchCompletion,
): Promise<SignedSession[]> {
  const batch = await loadBatch(stores, asked)
  checkOpen(batch)
  const sessions = await loadSessions(stores, batch)
  if (sessions.every(({ signature }) => signature !== null)) return sessions.map(answerOf)

  try {
    const shares = sharesOf(asked, sessions)
    checkNotReleased((await stores.presignatures.get(batchReleaseAt(batch.keyId, batch.batchId)))?.data, stores.now())
    forEachNamed(sessions, (session) => checkUnsigned(session, stores.now()))
    const judged = asked.proven ? sessions.map((session) => ({ ...session, proven: true as const })) : sessions
    return await signAll(stores, complete, { batch, sessions: judged, shares })
  } catch (error) {
    if (!(error instanceof BatchLost)) throw error
    return answerOrGiveUp(stores, batch, error)
  }
}

/** @throws {WireError} refused here a bad share costs no presignature */
export function sharesOf({ signatures = [] }: BatchCompletion, sessions: readonly SessionRecord[]): Uint8Array[] {
  if (signatures.length !== sessions.length) {
    throw new WireError('VALIDATION_FAILED', `signatures: ${sessions.length} needed, one per operation`)
  }
  return forEachNamed(signatures, (p1SignatureShare) => shareOf({ p1SignatureShare }))
}

type Signing = {
  readonly batch: BatchRecord
  readonly sessions: readonly SessionRecord[]
  readonly shares: readonly Uint8Array[]
}

async function signAll(stores: Stores, complete: CompleteSignature, { batch, sessions, shares }: Signing) {
  const { current, pair } = await readyKey(stores, batch.keyId, batch.owner)
  const ids = shares.map((share) => share.slice(0, 32))
  const payloads = await releaseBatch(stores, { pair, batchId: batch.batchId, sessions, ids })

  const jobs = sessions.map(async (message, i) => {
    const [presignature, share] = [payloads[i], shares[i]]
    if (!presignature || !share) throw new WireError('INTERNAL')
    return complete({ presignature, share, key: current, message })
  })
  const settled = await Promise.allSettled(jobs)
  const signatures = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  if (signatures.length < sessions.length) return fail(stores, { batch, pair }, settled)
  return storeAll(stores, batch, signatures)
}

/** The presignatures are spent either way. Only a sum that does not verify counts: our own failure accuses nobody. */
async function fail(
  stores: Stores,
  { batch, pair }: { readonly batch: BatchRecord; readonly pair: PairName },
  settled: readonly PromiseSettledResult<Uint8Array>[],
): Promise<never> {
  const reasons = settled.map((one) => (one.status === 'rejected' ? { cause: one.reason as unknown } : undefined))
  const lost = [...reasons.keys()].filter((i) => reasons[i] !== undefined)
  for (const reason of reasons) {
    if (reason?.cause instanceof ProtocolAbort) await recordFailure(stores, pair)
  }
  await giveUp(stores, batch, lost)
  throw signingFailed(lost, reasons.find((reason) => reason !== undefined)?.cause)
}

/** The request that released it may have stored its signatures after we looked. */
async function answerOrGiveUp(stores: Stores, batch: BatchRecord, cause: unknown): Promise<SignedSession[]> {
  checkOpen(await loadBatch(stores, batch))
  const sessions = await loadSessions(stores, batch)
  const lost = [...sessions.keys()].filter((i) => sessions[i]?.signature === null)
  if (lost.length === 0) return sessions.map(answerOf)
  await giveUp(stores, batch, lost)
  throw signingFailed(lost, cause)
}

/** The batch gets no signatures any more. */
export async function giveUp(
  stores: Stores,
  { batchId, keyId, owner }: BatchRecord,
  lost: readonly number[],
): Promise<void> {
  const at = batchAt(batchId)
  await audited(stores, keyId, async (tx, note) => {
    const doc = await tx.get(at)
    if (!doc || doc.data.failed) return
    tx.update(at, { ...doc.data, failed: lost }, { expireAt: doc.expireAt })
    const metadata = { batchId, operations: namesOf(lost) }
    note({ method: 'batch.fail', owner, code: 'MPC_SIGNING_FAILED', metadata })
  })
}

/**
 * Stores all signatures at once. Those that are there stay; a batch that was given up gets none.
 *
 * @throws {WireError} `SESSION_CONSUMED`, `MPC_SIGNING_FAILED`
 */
export async function storeAll(stores: Stores, batch: BatchRecord, signatures: readonly Uint8Array[]) {
  const { batchId, keyId, owner, sessionIds } = batch
  return audited(stores, keyId, async (tx, note): Promise<SignedSession[]> => {
    const batchDoc = await tx.get(batchAt(batchId))
    if (!batchDoc) throw new WireError('NOT_FOUND')
    checkOpen(batchDoc.data)
    const docs = await Promise.all(sessionIds.map(async (id) => tx.get(sessionAt(id))))
    const sessions = docs.map((doc, i) => {
      if (!doc) throw new WireError('NOT_FOUND')
      return { doc, data: { ...doc.data, signature: doc.data.signature ?? signatures[i] ?? null } }
    })
    for (const { doc, data } of sessions) tx.update(sessionAt(doc.id), data, { expireAt: doc.expireAt })
    const digests = digestsOf(sessions.map(({ data }) => data))
    note({ method: 'batch.complete', owner, metadata: { batchId, operations: sessions.length, digests } })
    return sessions.map(({ data }) => answerOf(data))
  })
}

function answerOf({ sessionId, digest, signature }: SessionRecord): SignedSession {
  if (signature === null) throw new WireError('INTERNAL')
  return { sessionId, digest, signature }
}
