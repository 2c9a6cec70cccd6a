import { partyIndex } from '@tandem/rounds'
import { type MemberCompletion, toHex, WireError } from '@tandem/wire'
import { keyInForce } from '../keys/amend.ts'
import { type ReadyKey, readyKey } from '../keys/key-status.ts'
import { pairsOf } from '../keys/peer-pairs.ts'
import { consume } from '../keys/presignature-store.ts'
import { placesOf } from '../parties.ts'
import { judgedOf, releaseSession } from '../policy/policy-store.ts'
import type { ReleasedPart, SessionRecord } from '../records.ts'
import { checkUnsigned, loadSession, loadSingle, rhoOf, wasCancelled } from '../sign/session-store.ts'
import { type Completion, type ReleasePart, shareOf } from '../sign/sign-session.ts'
import { presignatureAt, sessionAt, type Stores } from '../stores.ts'
import { checkRoom, completionOf, partWith } from './released.ts'

/**
 * Our part of the signature of a prepared session, if we hold the presignature that the device names; else the session is
 * counted and nothing is answered. Repeatable: what has left is answered again.
 *
 * @throws {WireError} `UNAVAILABLE` until ρ_S is fixed, and while our pair with a signer is not ACTIVE; everything else as
 *         `completeSession`
 *
 * Source: docs/spec/gateway.md 4.5, storage.md 6.2.
 */
export async function completeAsMember(
  stores: Stores,
  release: ReleasePart,
  asked: Completion,
): Promise<MemberCompletion> {
  const session = await loadSingle(stores, asked)
  const { current } = await keyInForce(stores, session.keyId, session.owner)
  if (session.signature) return completionOf(session, current, undefined)
  const share = shareOf(asked)
  const id = share.slice(0, 32)
  const known = partWith(session, id)
  if (known) return completionOf(session, current, known)

  checkUnsigned(session, stores.now())
  checkRoom(session)
  rhoOf(session)
  const key = await readyKey(stores, session.keyId, session.owner)
  if (!(await stores.presignatures.get(presignatureAt(session.keyId, toHex(id))))) {
    await releaseSession(stores, session)
    return completionOf(session, current, undefined)
  }
  const part = await releaseOnce(stores, release, { session, share, key }).catch(async (error: unknown) => {
    // A request that was sent twice may lose the race for its presignature to itself.
    const meanwhile = partWith(await loadSession(stores, asked), id)
    if (meanwhile) return meanwhile
    throw error
  })
  return completionOf(session, current, part)
}

type Releasing = { readonly session: SessionRecord; readonly share: Uint8Array; readonly key: ReadyKey }

/** The tombstone is durable before anything is computed, and our part before anybody has it. */
async function releaseOnce(
  stores: Stores,
  release: ReleasePart,
  { session, share, key: { current, pair } }: Releasing,
): Promise<ReleasedPart> {
  const id = share.slice(0, 32)
  const made = await stores.presignatures.get(presignatureAt(pair.keyId, toHex(id)))
  const signers = (made?.data.signers ?? []).map(partyIndex)
  const { self, device } = placesOf(current)
  const peers = {
    pairOf: pairsOf(pair.keyId, current),
    indices: signers.filter((one) => one !== self && one !== device),
  }
  const { use, owner } = session
  const presignature = await consume(stores, { pair, id, use, owner, ...judgedOf(session), peers })
  const message = { digest: session.digest, path: session.path, rhoS: rhoOf(session) }
  const job = { presignature, share, key: { ...current, signers }, message }
  const online = await release(job).catch((cause: unknown) => {
    throw new WireError('MPC_SIGNING_FAILED', undefined, { cause })
  })
  const part = { id, signers, ...online, epoch: current.epoch }
  await keepPart(stores, session.sessionId, part)
  return part
}

/** @throws {WireError} `SESSION_CONSUMED` if the session was cancelled meanwhile: then our part does not leave */
async function keepPart({ parties }: Stores, sessionId: string, part: ReleasedPart): Promise<void> {
  const at = sessionAt(sessionId)
  await parties.transaction(async (tx) => {
    const doc = await tx.get(at)
    if (!doc) throw new WireError('NOT_FOUND')
    if (doc.data.cancelled) throw wasCancelled()
    tx.update(at, { ...doc.data, released: [...(doc.data.released ?? []), part] }, { expireAt: doc.expireAt })
  })
}
