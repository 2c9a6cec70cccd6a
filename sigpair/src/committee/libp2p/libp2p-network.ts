import type { Log } from '@tandem/service'
import {
  type Hear,
  MAX_BROADCAST_BYTES,
  MAX_MESSAGE_BYTES,
  type Network,
  type NodeName,
  type Peer,
  PeerUnreachable,
} from '../network.ts'
import { nodeIdentity } from '../node-identity.ts'
import { joinTopic } from './gossip.ts'
import { acceptStreams } from './inbound.ts'
import { createNode } from './node.ts'
import { outboundTo } from './outbound.ts'
import { pin } from './pinned.ts'
import { keepConnected } from './redial.ts'

export const TOPIC = 'tandem/committee/v1'

export type Libp2pOptions = {
  /** Ed25519, 32 bytes, which the caller wipes */
  readonly identitySeed: Uint8Array
  readonly peers: readonly Peer[]
  /** multiaddrs of TCP or WebSocket */
  readonly listen: readonly string[]
  readonly log: Log
  /** ms since 1970 */
  readonly now?: () => number
}

/**
 * A committee's network over libp2p: TCP or WebSocket, Noise, yamux; a gossip topic for broadcasts, and one stream to each
 * peer. Every payload is in an envelope besides, so that what is believed does not depend on the transport.
 *
 * @throws {Error} if an address cannot be listened on, or is none
 *
 * Source: docs/spec/committee.md, section 2.
 */
export async function openLibp2pNetwork(options: Libp2pOptions): Promise<Network> {
  const { identitySeed: seed, peers, listen, log, now = Date.now } = options
  const identity = nodeIdentity(seed)
  const { name: self } = identity
  const pinned = pin(peers)
  const node = await createNode({ seed, pinned, listen, topic: TOPIC })
  const broadcasts = listeners(log)
  const messages = listeners(log)
  const connections = keepConnected(node, { self, pinned, now, log })
  const heardBy = (all: typeof messages) => (from: NodeName, payload: Uint8Array) => {
    connections.noteHeard(from)
    all.tell(from, payload)
  }
  await acceptStreams(node, { self, pinned, log, hear: heardBy(messages) })
  const gossip = joinTopic(node, { topic: TOPIC, identity, pinned, now, log, hear: heardBy(broadcasts) })
  const lines = new Map(
    pinned.peers.map((peer) => [peer.name, outboundTo(peer, { node, identity, connected: connections.connected })]),
  )
  return {
    self,
    peers,
    broadcast: async (payload) => gossip.publish(bounded(payload, MAX_BROADCAST_BYTES)),
    onBroadcast: broadcasts.add,
    send: async (to, payload) => {
      const line = lines.get(to)
      if (line === undefined) throw new PeerUnreachable(to)
      await line.send(bounded(payload, MAX_MESSAGE_BYTES))
    },
    onMessage: messages.add,
    links: connections.links,
    close: async () => {
      connections.stop()
      gossip.stop()
      for (const line of lines.values()) line.close()
      await node.stop()
    },
  }
}

function listeners(log: Log): { readonly add: Hear; readonly tell: (from: NodeName, payload: Uint8Array) => void } {
  const all = new Set<(from: NodeName, payload: Uint8Array) => void>()
  return {
    add: (hear) => {
      all.add(hear)
      return () => void all.delete(hear)
    },
    tell: (from, payload) => {
      for (const hear of all) {
        try {
          hear(from, payload)
        } catch (cause) {
          // What one listener does with a message is no reason to end the peer's stream.
          log.error({ event: 'listener-failed', cause })
        }
      }
    },
  }
}

/** @throws {RangeError} for what no peer would take */
function bounded(payload: Uint8Array, most: number): Uint8Array {
  if (payload.length > most) throw new RangeError(`${payload.length} bytes are more than ${most}`)
  return payload
}
