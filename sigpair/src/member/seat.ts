import { partyIndex } from '@tandem/rounds'
import { trustKeys } from '@tandem/service'
import { toHex } from '@tandem/wire'
import type { Network } from '../committee/network.ts'
import type { NodeIdentity } from '../committee/node-identity.ts'
import type { TrustedService } from '../internal/internal-auth.ts'
import { identitiesOf, type Member } from './member.ts'
import type { CommitteeConfig } from './member-config.ts'
import { openRounds } from './rounds.ts'

/** What a Sigpair needs to be a member. Whoever opened the network closes it. */
export type Seat = {
  readonly committee: CommitteeConfig
  readonly identity: NodeIdentity
  readonly network: Network
}

/** @throws {UsageError} for a committee that is none */
export function takeSeat({ committee, identity, network }: Seat, now: () => number): Member {
  const identities = identitiesOf(committee, identity.publicKey)
  const self = partyIndex(committee.index)
  return {
    self,
    device: partyIndex(identities.length + 1),
    threshold: committee.threshold,
    identities,
    rounds: openRounds({ network, self, names: identities.map((one) => toHex(one)), now }),
  }
}

/** Whose calls of its own a member believes. */
export function gatewayOf({ committee }: Seat): { readonly gateway: TrustedService } {
  return { gateway: { issuer: 'gateway', keys: trustKeys(committee.gatewayKeys) } }
}
