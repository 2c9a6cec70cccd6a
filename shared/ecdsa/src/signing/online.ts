import { type PartyIndex, ProtocolAbort, type SessionId, UsageError } from '@tandem/rounds'
import { derive, encodePath, type ExtendedKey } from '../derive.ts'
import type { Backend } from '../math/backend.ts'
import { concat, equalBytes, split } from '../math/bytes.ts'
import { H2S } from '../math/hash.ts'
import { decodePoint } from '../math/points.ts'
import { decodeScalar, fromBytesBE, q, toBytes32 } from '../math/scalar.ts'
import type { Presignature } from './presignature.ts'

/** What is signed, from the signer's own session: never from a peer. */
export type OnlineMessage = {
  /** h, 32 bytes, computed by this signer from the whole message */
  readonly digest: Uint8Array
  /** path of the child key, empty for the root */
  readonly path: readonly number[]
  /** ρ_S, 32 bytes the initiating server drew after digest and path were fixed; zeros if there is no such step */
  readonly rhoS: Uint8Array
  /** ρ_D, 32 bytes the device drew after it approved digest and path; zeros among n servers */
  readonly rhoD: Uint8Array
}

/** The key as this signer's records hold it now. */
export type CurrentKey = ExtendedKey & {
  readonly epoch: number
  readonly signers: readonly PartyIndex[]
}

/** What the shares of a signature must add up to. Public. */
export type SigningTarget = {
  readonly id: SessionId
  readonly digest: Uint8Array
  /** X′, 33 bytes */
  readonly publicKey: Uint8Array
  /** R′.x mod q */
  readonly r: bigint
  /** of R′, before s is lowered: 0..3 */
  readonly recovery: number
}

/** One signer's part of one signature. Public once it is sent. */
export type SignatureShare = {
  /** which presignature, 32 bytes */
  readonly id: Uint8Array
  /** ρ_D, 32 bytes */
  readonly rhoD: Uint8Array
  /** u′_i and w_i, 32 bytes each, big-endian */
  readonly u: Uint8Array
  readonly w: Uint8Array
}

/** id ‖ ρ_D ‖ u′ ‖ w */
export const SHARE_BYTES = 128

/** The round in which shares travel, whether a message or an HTTP call carries them. */
export const SHARE_ROUND = 3

export function encodeSignatureShare({ id, rhoD, u, w }: SignatureShare): Uint8Array {
  return concat(id, rhoD, u, w)
}

/** @throws {ProtocolAbort} MALFORMED unless 128 bytes, BAD_ENCODING for a scalar that is not below q */
export function decodeSignatureShare(bytes: Uint8Array, from: PartyIndex): SignatureShare {
  if (bytes.length !== SHARE_BYTES) throw new ProtocolAbort('MALFORMED', SHARE_ROUND, [from])
  const [id, rhoD, u, w] = split(bytes, 32, 32, 32, 32)
  checkShare(u, w, from)
  return { id, rhoD, u, w }
}

/** @throws {ProtocolAbort} BAD_ENCODING unless both are canonical scalars */
export function checkShare(u: Uint8Array, w: Uint8Array, from: PartyIndex): void {
  const canonical = decodeScalar(u) !== undefined && decodeScalar(w) !== undefined
  if (!canonical) throw new ProtocolAbort('BAD_ENCODING', SHARE_ROUND, [from]) // check S9
}

/**
 * Turns a presignature into a share of one signature. It is used up before anything that depends on it exists; the
 * service has made that durable before it calls.
 *
 * @throws {UsageError} if the presignature is used, belongs to another key, epoch or signer set, or the message has no
 *         proper form
 * @throws {ProtocolAbort} UNATTRIBUTED if the nonce vanishes (probability 2^−256)
 *
 * Source: docs/spec/sign.md, section 2.
 */
export function onlineShare(
  backend: Backend,
  presignature: Presignature,
  key: CurrentKey,
  message: OnlineMessage,
): { readonly share: SignatureShare; readonly target: SigningTarget } {
  const { id, epoch, signers, publicKey } = presignature
  const current = epoch === key.epoch && equalBytes(publicKey, key.publicKey) && signers.join() === key.signers.join()
  if (!current) throw new UsageError('presignature of another key, epoch or signer set') // check S23
  checkMessage(message)
  const child = derive(backend, key, message.path)

  const nonce = presignature.nonce.take()
  const delta = offsetOf(backend, presignature, child.publicKey, message)
  const { r, recovery } = rerandomised(backend, presignature.R, delta)
  const [u, v, phi] = [nonce.u, nonce.v, nonce.phi].map(fromBytesBE) as [bigint, bigint, bigint]
  for (const secret of [nonce.u, nonce.v, nonce.phi]) secret.fill(0)

  const { digest, rhoD } = message
  const m = fromBytesBE(digest) % q
  const share = {
    id,
    rhoD,
    u: toBytes32((u + delta * phi) % q),
    w: toBytes32((m * phi + r * (v + child.epsilon * phi)) % q),
  }
  return { share, target: { id, digest, publicKey: child.publicKey, r, recovery } }
}

/**
 * What shares must add up to, for whoever adds them up and made none.
 *
 * @param presignature id, and R before re-randomisation
 * @throws {UsageError} if the message has no proper form
 * @throws {ProtocolAbort} BAD_ENCODING for an R that is no point, UNATTRIBUTED if the nonce vanishes (probability 2^−256)
 *
 * Source: docs/spec/sign.md, section 2.
 */
export function signingTarget(
  backend: Backend,
  presignature: Pick<Presignature, 'id' | 'R'>,
  key: ExtendedKey,
  message: OnlineMessage,
): SigningTarget {
  checkMessage(message)
  const { publicKey } = derive(backend, key, message.path)
  if (!decodePoint(backend, presignature.R)) throw new ProtocolAbort('BAD_ENCODING', SHARE_ROUND)
  const { r, recovery } = rerandomised(backend, presignature.R, offsetOf(backend, presignature, publicKey, message))
  return { id: presignature.id, digest: message.digest, publicKey, r, recovery }
}

function checkMessage({ digest, rhoS, rhoD }: OnlineMessage): void {
  if ([digest, rhoS, rhoD].some((bytes) => bytes.length !== 32)) throw new UsageError('not 32 bytes') // check S25
}

/**
 * δ. It depends on everything that is signed and on randomness of both sides that came after, so a nonce known in advance
 * is of no use to anybody. Spec: sign, 2.2 and 2.3.
 */
function offsetOf(
  backend: Backend,
  { id, R }: Pick<Presignature, 'id' | 'R'>,
  child: Uint8Array,
  { digest, path, rhoS, rhoD }: OnlineMessage,
): bigint {
  return H2S(backend, 'sign/delta', id, R, child, digest, encodePath(path), rhoS, rhoD)
}

/** R′ = R + δ·G, as the r and the recovery id it leads to. */
function rerandomised(backend: Backend, R: Uint8Array, delta: bigint): { r: bigint; recovery: number } {
  const moved = backend.add(backend.decode(R), backend.mulBase(delta))
  if (backend.isIdentity(moved)) throw new ProtocolAbort('UNATTRIBUTED', SHARE_ROUND) // check S14
  const bytes = backend.encode(moved)
  const x = fromBytesBE(bytes.subarray(1))
  if (x % q === 0n) throw new ProtocolAbort('UNATTRIBUTED', SHARE_ROUND) // check S14
  return { r: x % q, recovery: (bytes[0]! & 1) | (x >= q ? 2 : 0) }
}
