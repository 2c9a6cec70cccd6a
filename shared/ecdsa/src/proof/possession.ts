import type { Label, Rng } from '@tandem/rounds'
import type { Backend } from '../math/backend.ts'
import { concat, le32 } from '../math/bytes.ts'
import { H2S, type Sha2 } from '../math/hash.ts'
import { decodeScalar, fromBytesBE, mod, randomScalar, toBytes32 } from '../math/scalar.ts'
import type { KeyShare } from '../share.ts'

/** T ‖ z */
export const POSSESSION_BYTES = 33 + 32

/**
 * Why somebody shows that he holds a share, and to what he binds it. `restore`: the new device's identity ‖ X25519 key, 64 bytes.
 * `drill`: a challenge of 32 bytes. A proof for one is worth nothing for another. Source: docs/spec/flows.md 3.6, 12.2, 13.
 */
export type PossessionPurpose =
  | { readonly purpose: 'commit' }
  | { readonly purpose: 'restore'; readonly device: Uint8Array }
  | { readonly purpose: 'drill'; readonly challenge: Uint8Array }

/** What a proof of possession is about: one party's public share of one epoch of one key. */
export type PossessionClaim = Pick<KeyShare, 'keyId' | 'ssid' | 'epoch'> & {
  /** X_i, 33 bytes */
  readonly publicShare: Uint8Array
}

const COMMIT: PossessionPurpose = { purpose: 'commit' }

/** A Schnorr proof of s_self. */
export function provePossession(backend: Backend, share: KeyShare, rng: Rng, why = COMMIT): Uint8Array {
  const publicShare = share.publicShares[share.self - 1]!
  const k = randomScalar(rng)
  const T = backend.encode(backend.mulBase(k))
  const e = challengeOf(backend, { ...share, publicShare }, why, T)
  return concat(T, toBytes32(mod(k + e * fromBytesBE(share.secret))))
}

/** zG = T + e·X_i; false for anything malformed. */
export function verifyPossession(backend: Backend, claim: PossessionClaim, proof: Uint8Array, why = COMMIT): boolean {
  if (proof.length !== POSSESSION_BYTES) return false
  const T = proof.subarray(0, 33)
  const z = decodeScalar(proof.subarray(33))
  if (z === undefined) return false
  try {
    const e = challengeOf(backend, claim, why, T)
    const right = backend.add(backend.decode(T), backend.mulPublic(backend.decode(claim.publicShare), e))
    return backend.equal(backend.mulBase(z), right)
  } catch {
    return false
  }
}

function challengeOf(
  sha: Sha2,
  { keyId, ssid, epoch, publicShare }: PossessionClaim,
  why: PossessionPurpose,
  T: Uint8Array,
): bigint {
  const [label, ...context] = boundTo(why)
  return H2S(sha, label, keyId, ssid, le32(epoch), publicShare, ...context, T)
}

function boundTo(why: PossessionPurpose): [Label, ...Uint8Array[]] {
  if (why.purpose === 'restore') return ['restore/pop', why.device]
  if (why.purpose === 'drill') return ['drill/pop', why.challenge]
  return ['commit/pop']
}
