import type { KeyId, Rng } from '@tandem/rounds'
import type { Backend } from '../math/backend.ts'
import { concat, le32 } from '../math/bytes.ts'
import { H2S, type Sha2, TH } from '../math/hash.ts'
import { decodeScalar, fromBytesBE, mod, randomScalar, toBytes32 } from '../math/scalar.ts'
import type { KeyShare } from '../share.ts'

/** What a commit receipt signs: this stage of this key is in force. 32 bytes. Source: docs/spec/flows.md 3.6. */
export function commitStatement(
  sha: Sha2,
  about: { readonly keyId: KeyId; readonly stageId: Uint8Array; readonly epoch: number; readonly conf: Uint8Array },
): Uint8Array {
  return TH(sha, 'rf/committed', about.keyId, about.stageId, le32(about.epoch), about.conf)
}

/** What an abort receipt signs: this stage of this key will never be in force. 32 bytes. Source: docs/spec/refresh.md 3.4. */
export function abortStatement(sha: Sha2, about: { readonly keyId: KeyId; readonly stageId: Uint8Array }): Uint8Array {
  return TH(sha, 'rf/aborted', about.keyId, about.stageId)
}

/**
 * What a status signs: which epoch is in force now, and which stage is open beside it. Unlike the receipts it ages, and
 * nothing is erased on it. 32 bytes. Source: docs/spec/refresh.md 3.5.
 */
export function statusStatement(
  sha: Sha2,
  about: Pick<KeyShare, 'keyId' | 'epoch' | 'ssid'> & { readonly staged: Uint8Array | null },
): Uint8Array {
  return TH(sha, 'rf/status', about.keyId, le32(about.epoch), about.ssid, about.staged ?? new Uint8Array())
}

/** T ‖ z */
export const POSSESSION_BYTES = 33 + 32

/** What a proof of possession is about: one party's public share of one epoch of one key. */
export type PossessionClaim = Pick<KeyShare, 'keyId' | 'ssid' | 'epoch'> & {
  /** X_i, 33 bytes */
  readonly publicShare: Uint8Array
}

/**
 * Proves that whoever commits a key holds its share: a Schnorr proof of s_self.
 *
 * Source: docs/spec/flows.md 3.6.
 */
export function provePossession(backend: Backend, share: KeyShare, rng: Rng): Uint8Array {
  const publicShare = share.publicShares[share.self - 1]!
  const k = randomScalar(rng)
  const T = backend.encode(backend.mulBase(k))
  const e = challengeOf(backend, { ...share, publicShare }, T)
  return concat(T, toBytes32(mod(k + e * fromBytesBE(share.secret))))
}

/** zG = T + e·X_i; false for anything malformed. */
export function verifyPossession(backend: Backend, claim: PossessionClaim, proof: Uint8Array): boolean {
  if (proof.length !== POSSESSION_BYTES) return false
  const T = proof.subarray(0, 33)
  const z = decodeScalar(proof.subarray(33))
  if (z === undefined) return false
  try {
    const e = challengeOf(backend, claim, T)
    const right = backend.add(backend.decode(T), backend.mulPublic(backend.decode(claim.publicShare), e))
    return backend.equal(backend.mulBase(z), right)
  } catch {
    return false
  }
}

function challengeOf(sha: Sha2, { keyId, ssid, epoch, publicShare }: PossessionClaim, T: Uint8Array): bigint {
  return H2S(sha, 'commit/pop', keyId, ssid, le32(epoch), publicShare, T)
}
