import { partyIndex, type PartyIndex } from '@tandem/rounds'
import { type MemberBatchCompletion, toHex, WireError } from '@tandem/wire'
import { keyInForce } from '../keys/amend.ts'
import { readyKey } from '../keys/key-status.ts'
import { pairsOf } from '../keys/peer-pairs.ts'
import { placesOf } from '../parties.ts'
import type { ReleasedPart, SessionRecord } from '../records.ts'
import {
  type BatchRecord,
  batchAt,
  batchReleaseAt,
  checkOpen,
  forEachNamed,
  signingFailed,
} from '../sign/batch-records.ts'
import { loadBatch, loadSessions } from '../sign/batch-records.ts'
import { BatchLost, checkNotReleased, releaseBatch } from '../sign/batch-release.ts'
import { type BatchCompletion, giveUp, sharesOf } from '../sign/batch-sign.ts'
import { checkUnsigned, rhoOf } from '../sign/session-store.ts'
import type { ReleasePart } from '../sign/sign-session.ts'
import { presignatureAt, sessionAt, type Stores } from '../stores.ts'
import { completionOf } from './released.ts'

type Completed = MemberBatchCompletion['sessions']

/**
 * Our parts of the signatures of a prepared batch: of those presignatures that we hold; all operations are counted. Released
 * once, in one transaction; repeated, the same is answered.
 *
 * @throws {WireError} `UNAVAILABLE` until every ρ_S is fixed, and while our pair with a signer is not ACTIVE; everything else as
 *         `completeBatch`
 *
 * Source: docs/spec/gateway.md 4.5, flows.md 15.4.
 */
export async function completeBatchAsMember(
  stores: Stores,
  release: ReleasePart,
  asked: BatchCompletion,
): Promise<Completed> {
  const batch = await loadBatch(stores, asked)
  checkOpen(batch)
  const sessions = await loadSessions(stores, batch)
  if (sessions.every(({ released }) => released !== undefined)) return answerOf(stores, batch, sessions)
  const shares = sharesOf(asked, sessions)
  try {
    checkNotReleased((await stores.presignatures.get(batchReleaseAt(batch.keyId, batch.batchId)))?.data, stores.now())
  } catch (error) {
    if (!(error instanceof BatchLost)) throw error
    const lost = [...sessions.keys()]
    await giveUp(stores, batch, lost)
    throw signingFailed(lost, error)
  }
  forEachNamed(sessions, (session) => {
    checkUnsigned(session, stores.now())
    rhoOf(session)
  })
  const judged = asked.proven ? sessions.map((session) => ({ ...session, proven: true as const })) : sessions
  const parts = await releaseAll(stores, release, { batch, sessions: judged, shares })
  return answerOf(stores, batch, await keepParts(stores, batch, parts))
}

type Releasing = {
  readonly batch: BatchRecord
  readonly sessions: readonly SessionRecord[]
  readonly shares: readonly Uint8Array[]
}

/** A presignature of ours, and who else made it. */
type Held = { readonly id: Uint8Array; readonly signers: readonly PartyIndex[] }

async function releaseAll(stores: Stores, release: ReleasePart, { batch, sessions, shares }: Releasing) {
  const { current, pair } = await readyKey(stores, batch.keyId, batch.owner)
  const held = await Promise.all(shares.map(async (share) => findHeld(stores, batch.keyId, share.slice(0, 32))))
  const { self, device } = placesOf(current)
  const met = new Set(held.flatMap((one) => one?.signers ?? []))
  const peers = {
    pairOf: pairsOf(batch.keyId, current),
    indices: [...met].filter((one) => one !== self && one !== device),
  }
  const ids = held.map((one) => one?.id)
  const payloads = await releaseBatch(stores, { pair, batchId: batch.batchId, sessions, ids, peers })
  const jobs = sessions.map(async (session, i): Promise<ReleasedPart | undefined> => {
    const [presignature, share, mine] = [payloads[i], shares[i], held[i]]
    if (!presignature || !share || !mine) return undefined
    const message = { digest: session.digest, path: session.path, rhoS: rhoOf(session) }
    const online = await release({ presignature, share, key: { ...current, signers: mine.signers }, message })
    return { ...mine, ...online, epoch: current.epoch }
  })
  const settled = await Promise.allSettled(jobs)
  const failed = [...settled.keys()].filter((i) => settled[i]?.status === 'rejected')
  if (failed.length === 0) return settled.map((one) => (one.status === 'fulfilled' ? one.value : undefined))
  await giveUp(stores, batch, failed)
  throw signingFailed(failed, settled.find((one) => one.status === 'rejected')?.reason)
}

async function findHeld({ presignatures }: Stores, keyId: string, id: Uint8Array): Promise<Held | undefined> {
  const doc = await presignatures.get(presignatureAt(keyId, toHex(id)))
  return doc && { id, signers: (doc.data.signers ?? []).map(partyIndex) }
}

/** All of them before any of them leaves. @throws {WireError} if the batch was given up meanwhile */
async function keepParts(
  { parties }: Stores,
  batch: BatchRecord,
  parts: readonly (ReleasedPart | undefined)[],
): Promise<readonly SessionRecord[]> {
  return parties.transaction(async (tx) => {
    const doc = await tx.get(batchAt(batch.batchId))
    const docs = await Promise.all(batch.sessionIds.map(async (id) => tx.get(sessionAt(id))))
    if (!doc) throw new WireError('NOT_FOUND')
    checkOpen(doc.data)
    tx.update(batchAt(batch.batchId), { ...doc.data, released: true }, { expireAt: doc.expireAt })
    return docs.map((session, i) => {
      if (!session) throw new WireError('NOT_FOUND')
      const part = parts[i]
      const next = { ...session.data, released: part ? [part] : [] }
      tx.update(sessionAt(session.id), next, { expireAt: session.expireAt })
      return next
    })
  })
}

async function answerOf(stores: Stores, { keyId, owner }: BatchRecord, sessions: readonly SessionRecord[]) {
  const { current } = await keyInForce(stores, keyId, owner)
  return sessions.map((session) => ({
    sessionId: session.sessionId,
    ...completionOf(session, current, session.released?.at(-1)),
  }))
}
