import { type Backend, derive } from '@tandem/ecdsa'
import type { Rng } from '@tandem/rounds'
import { isStoreError } from '@tandem/store'
import { canonicalJson, limits, type PrepareSessionRequest, type RhoParts, toHex, WireError } from '@tandem/wire'
import { audited } from '../audit/audit-outbox.ts'
import { digestOf } from './digest.ts'
import { sameBytes } from '../crypto/hash.ts'
import { type ReadyKey, readyKey } from '../keys/key-status.ts'
import { claimOf } from '../policy/policy-claim.ts'
import { requireAllowed } from '../policy/policy-store.ts'
import type { SessionRecord } from '../records.ts'
import { keyAt, sessionAt, type Stores } from '../stores.ts'

/** How long a session is remembered after it ended, so that a late repetition still gets its signature. */
export const REMEMBERED_MS = 24 * 3_600_000

/** What preparing needs besides the stores: the curve, for the path, and randomness, for ρ_S. */
export type PrepareDeps = {
  readonly backend: Backend
  readonly rng: Rng
  /** what is drawn is a part of ρ_S, and others are awaited */
  readonly isMember?: boolean
}

/**
 * Fixes what is to be signed: path and digest first, and only then ρ_S. The same request again is answered the same.
 *
 * @throws {WireError} `VALIDATION_FAILED` for what cannot be signed, `IDEMPOTENCY_MISMATCH` if the session id names another
 *         request, `POLICY_DENIED`, and everything of {@link readyKey}
 *
 * Source: docs/spec/storage.md 6.1.
 */
export async function prepareSession(
  stores: Stores,
  { backend, rng, isMember }: PrepareDeps,
  owner: string,
  request: PrepareSessionRequest,
): Promise<SessionRecord> {
  const { sessionId, path, payload } = request
  const { key, current } = await readyKey(stores, request.keyId, owner)
  const digest = digestOf(payload)
  checkPath(backend, current, path)
  await requireAllowed(stores, { keyId: key.keyId, sessionId, claim: claimOf(payload), factor: 'later' })

  const fixed = { sessionId, keyId: key.keyId, owner, path, payload, digest }
  const expiresAt = stores.now() + limits.SESSION_SECONDS * 1000
  const session = { ...fixed, rhoS: rng(32), ...unsettled(isMember), signature: null, expiresAt }
  try {
    return await createSession(stores, session)
  } catch (error) {
    if (!isStoreError(error, 'EXISTS')) throw error
  }
  const known = await loadSession(stores, { sessionId, keyId: key.keyId, owner })
  if (!sameRequest(known, session)) throw new WireError('IDEMPOTENCY_MISMATCH')
  return known
}

/** Nothing in a pair. */
export function unsettled(isMember = false): Pick<SessionRecord, 'settled'> {
  return isMember ? { settled: null } : {}
}

/** Stores the session and raises the key's use counter in one transaction. Spec: storage 4.2. */
async function createSession(stores: Stores, session: Omit<SessionRecord, 'use'>): Promise<SessionRecord> {
  const { keyId, sessionId, expiresAt, owner, digest, payload } = session
  return audited(stores, keyId, async (tx, note) => {
    const key = await tx.get(keyAt(keyId))
    if (key?.data.status !== 'READY') throw new WireError('KEY_PENDING')
    const use = key.data.uses + 1
    tx.update(keyAt(keyId), { ...key.data, uses: use })
    tx.create(sessionAt(sessionId), { ...session, use }, { expireAt: expiresAt + REMEMBERED_MS })
    note({ method: 'sign.prepare', owner, metadata: { sessionId, digest: toHex(digest), kind: payload.kind } })
    return { ...session, use }
  })
}

function sameRequest(a: Omit<SessionRecord, 'use'>, b: Omit<SessionRecord, 'use'>): boolean {
  const text = ({ path, payload }: Omit<SessionRecord, 'use'>) => canonicalJson({ path, payload })
  return sameBytes(a.digest, b.digest) && text(a) === text(b)
}

export function checkPath(backend: Backend, key: ReadyKey['current'], path: readonly number[]): void {
  try {
    derive(backend, key, path)
  } catch (cause) {
    throw new WireError('VALIDATION_FAILED', 'path: has no child key', { cause })
  }
}

/** Whose session is asked for. */
export type SessionName = Pick<SessionRecord, 'sessionId' | 'keyId' | 'owner'>

/** @throws {WireError} `NOT_FOUND` unless it exists for this key and this owner */
export async function loadSession({ parties }: Stores, asked: SessionName): Promise<SessionRecord> {
  const session = (await parties.get(sessionAt(asked.sessionId)))?.data
  if (session?.owner !== asked.owner) throw new WireError('NOT_FOUND')
  if (session.keyId !== asked.keyId.toLowerCase()) throw new WireError('NOT_FOUND')
  return session
}

/** @throws {WireError} as {@link loadSession}; `VALIDATION_FAILED` for one of a batch, which is signed as a whole or not at all */
export async function loadSingle(stores: Stores, asked: SessionName): Promise<SessionRecord> {
  const session = await loadSession(stores, asked)
  if (session.batchId !== undefined) throw new WireError('VALIDATION_FAILED', 'sessionId: of a batch')
  return session
}

/**
 * The session, if it may be signed now.
 *
 * @throws {WireError} as {@link loadSingle}; `SESSION_CONSUMED` for one that is signed or past its time
 */
export async function loadUnsigned(stores: Stores, asked: SessionName): Promise<SessionRecord> {
  const session = await loadSingle(stores, asked)
  checkUnsigned(session, stores.now())
  return session
}

/** @throws {WireError} `SESSION_CONSUMED` */
export function checkUnsigned({ signature, cancelled, expiresAt }: SessionRecord, now: number): void {
  if (signature) throw new WireError('SESSION_CONSUMED')
  if (cancelled) throw wasCancelled()
  if (now >= expiresAt) throw new WireError('SESSION_CONSUMED', 'the session has expired')
}

/**
 * ρ_S of what is to be signed.
 *
 * @throws {WireError} `UNAVAILABLE` at a member until it is fixed: nothing is signed before
 *
 * Source: docs/spec/gateway.md 4.4.
 */
export function rhoOf({ rhoS, settled }: SessionRecord): Uint8Array {
  if (settled === undefined) return rhoS
  if (settled === null) throw new WireError('UNAVAILABLE', 'the session is not settled') // check S25
  return settled
}

/** At a member: out of which parts ρ_S is fixed; nothing until it is. */
export function partsOf({ parts }: SessionRecord): { readonly parts?: RhoParts } {
  return parts ? { parts: parts.map(({ index, rhoS }) => ({ index, rhoS: toHex(rhoS) })) } : {}
}

/** Whether a signature of it may exist where we do not see it. */
export function mayBeSigned({ signature, begun, released }: SessionRecord): boolean {
  return signature !== null || begun === true || (released !== undefined && released.length > 0)
}

/**
 * At a member: from here on an interactive signature may exist elsewhere. Durable before anything of ours leaves that it needs.
 *
 * @throws {WireError} `SESSION_CONSUMED` if the session was cancelled meanwhile
 */
export async function markBegun({ parties }: Stores, sessionId: string): Promise<void> {
  await parties.transaction(async (tx) => {
    const doc = await tx.get(sessionAt(sessionId))
    if (!doc) throw new WireError('NOT_FOUND')
    if (doc.data.cancelled) throw wasCancelled()
    if (!doc.data.begun) tx.update(sessionAt(sessionId), { ...doc.data, begun: true }, { expireAt: doc.expireAt })
  })
}

export const wasCancelled = () => new WireError('SESSION_CONSUMED', 'the session was cancelled')

/**
 * Stores a verified signature under its session. The first one stays.
 *
 * @param signature r ‖ s ‖ recovery id, 65 bytes
 * @returns what is stored now
 * @throws {WireError} `SESSION_CONSUMED` if the session was cancelled meanwhile: then nobody gets the signature
 */
export async function storeSignature(stores: Stores, sessionId: string, signature: Uint8Array): Promise<Uint8Array> {
  const at = sessionAt(sessionId)
  const known = (await stores.parties.get(at))?.data
  if (!known) throw new WireError('NOT_FOUND')
  return audited(stores, known.keyId, async (tx, note) => {
    const doc = await tx.get(at)
    if (!doc) throw new WireError('NOT_FOUND')
    if (doc.data.signature) return doc.data.signature
    if (doc.data.cancelled) throw wasCancelled()
    tx.update(at, { ...doc.data, signature }, { expireAt: doc.expireAt })
    note({ method: 'sign.complete', owner: doc.data.owner, metadata: { sessionId, digest: toHex(doc.data.digest) } })
    return signature
  })
}
