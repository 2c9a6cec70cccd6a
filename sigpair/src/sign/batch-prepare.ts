import { isStoreError } from '@tandem/store'
import { canonicalJson, limits, type PrepareBatchRequest, toHex, WireError } from '@tandem/wire'
import { audited } from '../audit/audit-outbox.ts'
import { sameBytes, sha256 } from '../crypto/hash.ts'
import { readyKey } from '../keys/key-status.ts'
import { judgedOf, judgeReleases, policyMark } from '../policy/policy-store.ts'
import type { SessionRecord } from '../records.ts'
import { keyAt, sessionAt, type Stores } from '../stores.ts'
import { batchAt, type BatchName, forEachNamed, loadBatch, loadSessions, nameOf } from './batch-records.ts'
import { digestOf } from './digest.ts'
import { checkPath, type PrepareDeps, REMEMBERED_MS, unsettled } from './session-store.ts'

/**
 * Fixes what a batch will sign: every digest first, then a ρ_S for each. The same request again is answered the same.
 *
 * @returns its sessions, in its order
 * @throws {WireError} as `prepareSession` does, `details` beginning with the operation an error is about
 *
 * Source: docs/spec/flows.md 15.3.
 */
export async function prepareBatch(
  stores: Stores,
  { backend, rng, isMember }: PrepareDeps,
  owner: string,
  { batchId, keyId: asked, path, transactions }: PrepareBatchRequest,
): Promise<SessionRecord[]> {
  const { key, current } = await readyKey(stores, asked, owner)
  const { keyId } = key
  checkPath(backend, current, path)
  const payloads = transactions.map(({ unsignedTx }) => ({ kind: 'transaction', unsignedTx }) as const)
  const digests = forEachNamed(payloads, (payload) => digestOf(payload))

  const expiresAt = stores.now() + limits.SESSION_SECONDS * 1000
  const fixed = { batchId, keyId, owner, path, signature: null, expiresAt, use: key.uses + 1 }
  const sessions = forEachNamed(transactions, ({ sessionId }, i): SessionRecord => {
    const [payload, digest] = [payloads[i], digests[i]]
    if (!payload || !digest) throw new WireError('INTERNAL')
    return { ...fixed, sessionId, payload, digest, rhoS: rng(32), ...unsettled(isMember) }
  })
  await requireAllowed(stores, keyId, sessions)
  return create(stores, { batchId, keyId, owner }, sessions)
}

/** Refuses early what would be refused at the release; reserves nothing. */
async function requireAllowed(stores: Stores, keyId: string, sessions: readonly SessionRecord[]): Promise<void> {
  const later = sessions.map((session, i) => ({ ...namedOf(session, i), factor: 'later' as const }))
  const asked = { keyId, mark: await policyMark(stores, keyId), sessions: later }
  await stores.presignatures.transaction(async (tx) => void (await judgeReleases(tx, asked, stores.now())))
}

/** A session as the policy sees it, and which one of the batch it is. */
export function namedOf(session: SessionRecord, index: number) {
  return { ...judgedOf(session), name: nameOf(index) }
}

async function create(stores: Stores, name: BatchName, sessions: readonly SessionRecord[]): Promise<SessionRecord[]> {
  try {
    return await createAll(stores, name, sessions)
  } catch (error) {
    if (!isStoreError(error, 'EXISTS')) throw error
  }
  const known = await loadSessions(stores, await loadBatch(stores, name))
  if (!sameRequest(known, sessions)) throw new WireError('IDEMPOTENCY_MISMATCH')
  return known
}

/** All sessions, their batch and the key's use counter in one transaction. Spec: storage 4.2. */
async function createAll(stores: Stores, { batchId, keyId, owner }: BatchName, sessions: readonly SessionRecord[]) {
  return audited(stores, keyId, async (tx, note) => {
    const key = await tx.get(keyAt(keyId))
    if (key?.data.status !== 'READY') throw new WireError('KEY_PENDING')
    const use = key.data.uses + 1
    tx.update(keyAt(keyId), { ...key.data, uses: use })

    const expireAt = stores.now() + limits.SESSION_SECONDS * 1000 + REMEMBERED_MS
    const sessionIds = sessions.map(({ sessionId }) => sessionId)
    tx.create(batchAt(batchId), { batchId, keyId, owner, sessionIds, failed: null, cancelled: false }, { expireAt })
    const created = sessions.map((session) => ({ ...session, use }))
    for (const session of created) tx.create(sessionAt(session.sessionId), session, { expireAt })
    const metadata = { batchId, operations: sessions.length, digests: digestsOf(sessions) }
    note({ method: 'batch.prepare', owner, metadata })
    return created
  })
}

/** SHA-256 over the digests in order: a line of the log has no room for fifty. */
export function digestsOf(sessions: readonly Pick<SessionRecord, 'digest'>[]): string {
  return toHex(sha256(Buffer.concat(sessions.map(({ digest }) => digest))))
}

function sameRequest(a: readonly SessionRecord[], b: readonly SessionRecord[]): boolean {
  const text = ({ sessionId, path, payload }: SessionRecord) => canonicalJson({ sessionId, path, payload })
  const same = (one: SessionRecord, other: SessionRecord | undefined) =>
    other !== undefined && sameBytes(one.digest, other.digest) && text(one) === text(other)
  return a.length === b.length && a.every((one, i) => same(one, b[i]))
}
