import { decodeSignatureShare } from '@tandem/ecdsa'
import { type PartyIndex, ProtocolAbort } from '@tandem/rounds'
import { fromBase64url, WireError } from '@tandem/wire'
import type { OnlinePart } from '../compute/port-messages.ts'
import { type ReadyKey, readyKey } from '../keys/key-status.ts'
import { recordFailure } from '../keys/pair-store.ts'
import { DEVICE } from '../parties.ts'
import { judgedOf } from '../policy/policy-store.ts'
import { consume } from '../keys/presignature-store.ts'
import type { SessionRecord } from '../records.ts'
import { checkUnsigned, loadSession, loadSingle, type SessionName, storeSignature } from './session-store.ts'
import type { PairName, Stores } from '../stores.ts'

/** What one online step needs. Nothing in it comes from the device but `share`. */
export type OnlineJob = {
  /** the encoded presignature, consumed; whoever computes erases it */
  readonly presignature: Uint8Array
  /** id ‖ ρ_D ‖ u′ ‖ w of the device, 128 bytes */
  readonly share: Uint8Array
  readonly key: Pick<ReadyKey['current'], 'publicKey' | 'chainCode' | 'epoch'>
  readonly message: Pick<SessionRecord, 'digest' | 'path' | 'rhoS'>
}

/**
 * Adds our share to the device's and verifies the sum: r ‖ s ‖ recovery id, 65 bytes, low s, recovery id 0 or 1.
 *
 * @throws {ProtocolAbort} if the shares do not make a signature
 */
export type CompleteSignature = (job: OnlineJob) => Promise<Uint8Array>

/** What a member computes of one signature: over ρ_D of the device's share, with its own part of the presignature. */
export type ReleaseJob = Omit<OnlineJob, 'key'> & {
  readonly key: OnlineJob['key'] & { readonly signers: readonly PartyIndex[] }
}

export type ReleasePart = (job: ReleaseJob) => Promise<OnlinePart>

export type Completion = SessionName & { readonly p1SignatureShare?: string | undefined }

export type Signed = { readonly digest: Uint8Array; readonly signature: Uint8Array }

/**
 * The signature of a prepared session. Repeatable: once there is one it is answered again, whatever comes with the request.
 *
 * @throws {WireError} `VALIDATION_FAILED` without a proper share while there is no signature, `SESSION_CONSUMED` after its
 *         time, `PRESIGNATURE_CONSUMED`, `POLICY_DENIED`, `MPC_SIGNING_FAILED` if the shares make no signature, and all of {@link readyKey}
 *
 * Source: docs/spec/flows.md 5.3, storage.md 6.2.
 */
export async function completeSession(stores: Stores, complete: CompleteSignature, asked: Completion): Promise<Signed> {
  const session = await loadSingle(stores, asked)
  if (session.signature) return { digest: session.digest, signature: session.signature }
  const share = shareOf(asked)
  checkUnsigned(session, stores.now())
  const { current, pair } = await readyKey(stores, session.keyId, session.owner)

  const { use, owner } = session
  const wanted = { pair, id: share.slice(0, 32), use, owner, ...judgedOf(session) }
  const taken = await consume(stores, wanted).catch(async (error: unknown) => signedMeanwhile(stores, asked, error))
  if (!(taken instanceof Uint8Array)) return taken

  const job = { presignature: taken, share, key: current, message: session }
  const signature = await complete(job).catch(async (error: unknown) => fail(stores, pair, error))
  return { digest: session.digest, signature: await storeSignature(stores, session.sessionId, signature) }
}

/** The share, decoded once to see that it is one. */
export function shareOf({ p1SignatureShare }: Pick<Completion, 'p1SignatureShare'>): Uint8Array {
  if (p1SignatureShare === undefined) throw new WireError('VALIDATION_FAILED', 'p1SignatureShare: needed')
  const share = fromBase64url(p1SignatureShare)
  try {
    decodeSignatureShare(share, DEVICE) // refused here it costs no presignature
    return share
  } catch (cause) {
    throw new WireError('VALIDATION_FAILED', 'p1SignatureShare: not a signature share', { cause })
  }
}

/** A request that was sent twice may lose the race for its presignature to itself: then there is a signature now. */
async function signedMeanwhile(stores: Stores, asked: Completion, error: unknown): Promise<Signed> {
  const { digest, signature } = await loadSession(stores, asked)
  if (signature) return { digest, signature }
  throw error
}

/** The presignature is spent either way. Only a sum that does not verify counts: our own failure accuses nobody. */
async function fail(stores: Stores, pair: PairName, cause: unknown): Promise<never> {
  if (cause instanceof ProtocolAbort) await recordFailure(stores, pair)
  throw new WireError('MPC_SIGNING_FAILED', undefined, { cause })
}
