import { type KeyId, type PartyIndex, partyIndex, sessionId, UsageError } from '@tandem/rounds'
import { le16 } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { POINT_BYTES } from '../math/points.ts'
import { DLOG_PROOF_BYTES } from '../proof/dlog.ts'
import { coefficientsOf, isAdditive, isSharing, type Sharing } from '../sharing.ts'
import type { StagingDeps, StagingSession } from '../staging/staging-session.ts'

/** What the parties agreed on before they met. */
export type KeygenSetup = {
  /** fresh: a failed run is never repeated under the same id */
  readonly keyId: KeyId
  readonly self: PartyIndex
  /** t of n will sign, 2 ≤ t ≤ n; where t = n shares are additive and none travels */
  readonly threshold: number
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
  if (!isSharing({ threshold, parties: n })) throw new UsageError('a threshold is at least two and at most n')
  if (identities.some((id) => id.length !== 32)) throw new UsageError('an identity is 32 bytes')
  if (!distinct) throw new UsageError('two parties have one identity') // check K2
  if (self > n) throw new UsageError('our index is not one of the parties') // check K2
  return {
    ...setup,
    ...deps,
    parties: n,
    protocol: 'keygen',
    epoch: 0,
    openingBytes: openingBytes({ threshold, parties: n }),
    sid: sessionId(TH(deps.backend, 'kg/sid', keyId, le16(n), le16(threshold), ...identities)),
    peers: identities.map((_, i) => partyIndex(i + 1)).filter((j) => j !== self),
    secrets: { ephemeral: [], lasting: [] },
  }
}

/** salt ‖ A ‖ cc ‖ T ‖ z: what everybody is sent */
export function contributionBytes(sharing: Sharing): number {
  return 32 + coefficientsOf(sharing) * POINT_BYTES + 32 + DLOG_PROOF_BYTES
}

/** With f_i(j), where a share travels. */
function openingBytes(sharing: Sharing): number {
  return contributionBytes(sharing) + (isAdditive(sharing) ? 0 : 32)
}
