import { type KeyId, type PartyIndex, partyIndex, sessionId, UsageError } from '@tandem/rounds'
import { TH } from '../math/hash.ts'
import { POINT_BYTES } from '../math/points.ts'
import { DLOG_PROOF_BYTES } from '../proof/dlog.ts'
import { coefficientsOf, isSharing, isSummand, modeBytes, modeOf, type Sharing, sizeBytes } from '../sharing.ts'
import type { StagingDeps, StagingSession } from '../staging/staging-session.ts'

/** What the parties agreed on before they met. */
export type KeygenSetup = {
  /** fresh: a failed run is never repeated under the same id */
  readonly keyId: KeyId
  readonly self: PartyIndex
  /** t of n will sign, 2 ≤ t ≤ n; where t = n shares are additive and none travels. The device counts in both. */
  readonly threshold: number
  /** the last party is a device without which nobody signs: t − 1 of n − 1 nodes sign with it, 3 ≤ t */
  readonly withDevice?: boolean
  /** Ed25519 identity of every party in index order, 32 bytes each; n of them */
  readonly identities: readonly Uint8Array[]
}

export type KeygenSession = StagingSession & KeygenSetup & { readonly parties: number }

/** @throws {UsageError} if the setup is not one every honest party could have */
export function openSession(setup: KeygenSetup, deps: StagingDeps): KeygenSession {
  const { keyId, self, threshold, identities } = setup
  const n = identities.length
  const distinct = new Set(identities.map((id) => id.join())).size === n
  if (n < 2) throw new UsageError('a key has at least two parties')
  const sharing = { threshold, parties: n, ...modeOf(setup) }
  if (!isSharing(sharing)) throw new UsageError('a threshold is at least two and at most n')
  if (identities.some((id) => id.length !== 32)) throw new UsageError('an identity is 32 bytes')
  if (!distinct) throw new UsageError('two parties have one identity') // check K2
  if (self > n) throw new UsageError('our index is not one of the parties') // check K2
  return {
    ...setup,
    ...deps,
    parties: n,
    protocol: 'keygen',
    epoch: 0,
    openingBytes: (from) => contributionBytes(sharing, from) + (isDealt(sharing, from, self) ? 32 : 0),
    sid: sessionId(TH(deps.backend, 'kg/sid', keyId, ...sizeBytes(sharing), ...identities, ...modeBytes(sharing))),
    peers: identities.map((_, i) => partyIndex(i + 1)).filter((j) => j !== self),
    secrets: { ephemeral: [], lasting: [] },
  }
}

/** salt ‖ A ‖ cc ‖ T ‖ z: what everybody is sent */
export function contributionBytes(sharing: Sharing, from: PartyIndex): number {
  return 32 + coefficientsOf(sharing, from) * POINT_BYTES + 32 + DLOG_PROOF_BYTES
}

/** Whether f_i(j) travels: from one party whose share is a part of a polynomial to another. */
export function isDealt(sharing: Sharing, from: PartyIndex, to: PartyIndex): boolean {
  return !isSummand(sharing, from) && !isSummand(sharing, to)
}
