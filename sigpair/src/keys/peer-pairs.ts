import { type PartyIndex, partyIndex, UsageError } from '@tandem/rounds'
import { WireError } from '@tandem/wire'
import { placesOf } from '../parties.ts'
import type { EpochRecord } from '../records.ts'
import { type PairName, pairAt, peerPair, type Stores } from '../stores.ts'
import type { Transaction } from '@tandem/store'

/** The pair with a party of one epoch. */
export type PairOf = (peer: PartyIndex) => PairName

type Epoch = Pick<EpochRecord, 'ssid' | 'committee' | 'publicShares'>

/** The pairs of an epoch: the one with the device by its ssid, one with every other member. */
export function pairsOf(keyId: string, epoch: Epoch): PairOf {
  const withDevice = { keyId, ssid: epoch.ssid }
  return (peer) => {
    if (peer === placesOf(epoch).device) return withDevice
    const identity = epoch.committee?.identities[peer - 1]
    if (!identity) throw new UsageError('there is no such party')
    return peerPair(withDevice, identity)
  }
}

/** Every other member of an epoch; nobody in a pair. */
export function peersIn(epoch: Pick<EpochRecord, 'committee' | 'publicShares'>): PartyIndex[] {
  const { self, device } = placesOf(epoch)
  if (!epoch.committee) return []
  return Array.from({ length: device - 1 }, (_, at) => partyIndex(at + 1)).filter((index) => index !== self)
}

export function peerPairsOf(keyId: string, epoch: Epoch): PairName[] {
  return peersIn(epoch).map(pairsOf(keyId, epoch))
}

/** A member with whom we cannot sign: quorums without it go on. Source: docs/spec/gateway.md 3.2. */
export function peerRefused(peer: PartyIndex): WireError {
  return new WireError('UNAVAILABLE', `member ${peer}`)
}

/**
 * The setups of our pairs with these members, encoded.
 *
 * @throws {WireError} `UNAVAILABLE`, naming the member, unless all are ACTIVE
 */
export async function openPeerPairs(
  { presignatures, sealer }: Stores,
  { keyId, epoch, pairOf }: { readonly keyId: string; readonly epoch: number; readonly pairOf: PairOf },
  peers: readonly PartyIndex[],
): Promise<Uint8Array[]> {
  const found = await Promise.all(
    peers.map(async (peer) => ({ peer, pair: (await presignatures.get(pairAt(pairOf(peer))))?.data })),
  )
  const setups = found.map(({ peer, pair }) => {
    if (pair?.status !== 'ACTIVE' || !pair.setup) throw peerRefused(peer)
    return pair.setup
  })
  return Promise.all(setups.map(async (setup) => sealer.open({ purpose: 'pair', keyId, epoch }, setup)))
}

/** As {@link openPeerPairs} requires it, in the transaction of a release. `signers` may be the device's and our own, too. */
export async function requirePeers(tx: Transaction, pairOf: PairOf, peers: readonly PartyIndex[]): Promise<void> {
  for (const peer of peers) {
    const doc = await tx.get(pairAt(pairOf(peer)))
    if (doc?.data.status !== 'ACTIVE') throw peerRefused(peer)
  }
}
