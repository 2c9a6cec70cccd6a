import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { fromHex } from '@tandem/wire'
import type { NodeName, Peer } from '../network.ts'

export type PeerId = ReturnType<typeof peerIdFromPublicKey>

/** A pinned peer as libp2p knows it. */
export type PinnedPeer = {
  readonly name: NodeName
  readonly id: PeerId
  /** each ends in the peer's id, so that nobody else can answer there */
  readonly addresses: readonly Multiaddr[]
}

export type Pinned = {
  readonly peers: readonly PinnedPeer[]
  readonly named: (name: NodeName) => PinnedPeer | undefined
  /** undefined: not pinned */
  readonly nameOf: (id: { toString(): string }) => NodeName | undefined
}

/** @throws {Error} for what is no multiaddr, or names another peer */
export function pin(peers: readonly Peer[]): Pinned {
  const pinned = peers.map(({ name, addresses }) => {
    const id = peerIdFromPublicKey(publicKeyFromRaw(fromHex(name)))
    return { name, id, addresses: addresses.map((text) => addressOf(text, String(id))) }
  })
  const byName = new Map(pinned.map((peer) => [peer.name, peer]))
  const names = new Map(pinned.map((peer) => [String(peer.id), peer.name]))
  return { peers: pinned, named: (name) => byName.get(name), nameOf: (id) => names.get(String(id)) }
}

function addressOf(text: string, id: string): Multiaddr {
  const address = multiaddr(text)
  const components = address.getComponents()
  if (components.some(({ name }) => name === 'p2p-circuit')) throw new Error('an address over a relay')
  const named = components.find(({ name }) => name === 'p2p')?.value
  if (named === undefined) return address.encapsulate(`/p2p/${id}`)
  if (named !== id) throw new Error('an address of another peer')
  return address
}

/** Connections exist between pinned peers only, and only pinned addresses are dialled, whatever a peer says of itself. */
export function gater({ nameOf, peers }: Pinned) {
  const known = new Set(peers.flatMap(({ addresses }) => addresses.map(String)))
  const stranger = (id: PeerId) => nameOf(id) === undefined
  return {
    denyDialPeer: stranger,
    denyDialMultiaddr: (address: Multiaddr) => !known.has(String(address)),
    denyInboundEncryptedConnection: stranger,
    denyOutboundEncryptedConnection: stranger,
    denyInboundUpgradedConnection: stranger,
    denyInboundRelayReservation: () => true,
    denyInboundRelayedConnection: () => true,
    denyOutboundRelayedConnection: () => true,
    filterMultiaddrForPeer: (_id: unknown, address: Multiaddr) => known.has(String(address)),
  }
}
