import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2p } from 'libp2p'
import { CONNECT_MS, MAX_BROADCAST_BYTES } from '../network.ts'
import { ENVELOPE_BYTES } from '../envelope.ts'
import { gater, type Pinned } from './pinned.ts'

export type CommitteeNode = Libp2p<{ pubsub: GossipSub }>
export type Connection = ReturnType<CommitteeNode['getConnections']>[number]
export type Stream = Awaited<ReturnType<CommitteeNode['dialProtocol']>>

/**
 * libp2p's default of 5 a second for each address refuses a whole committee that starts behind one load balancer; 10
 * handshakes at once likewise.
 */
const CONNECTIONS_PER_SECOND = 100
const HANDSHAKES = 64

/** Each peer has one connection, and for a moment a second. */
const SPARE_CONNECTIONS = 8

/** A peer that does not answer a ping this long is not there, whatever TCP believes. Long enough for a busy machine. */
const PING_EVERY_MS = 5_000
const PING_MS = 10_000

/** What gossip adds to a payload: header, key and signature. */
const GOSSIP_OVERHEAD = 1_024

/**
 * A libp2p node that knows its pinned peers and nobody else: no discovery, no DHT, no relay.
 *
 * @param options.seed   32 bytes, Ed25519
 * @param options.listen multiaddrs of TCP or WebSocket
 */
export async function createNode(options: {
  readonly seed: Uint8Array
  readonly pinned: Pinned
  readonly listen: readonly string[]
  readonly topic: string
}): Promise<CommitteeNode> {
  const { seed, pinned, listen, topic } = options
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', seed),
    nodeInfo: { name: 'tandem', version: '1', userAgent: 'tandem' },
    addresses: { listen: [...listen] },
    transports: [tcp(), webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: gater(pinned),
    connectionManager: {
      dialTimeout: CONNECT_MS,
      addressDialTimeout: CONNECT_MS,
      inboundUpgradeTimeout: CONNECT_MS,
      inboundConnectionThreshold: CONNECTIONS_PER_SECOND,
      maxIncomingPendingConnections: HANDSHAKES,
      maxConnections: 2 * pinned.peers.length + SPARE_CONNECTIONS,
      // Redialling is ours: libp2p gives up after five times.
      reconnectRetries: 0,
    },
    connectionMonitor: { pingInterval: PING_EVERY_MS, pingTimeout: { minTimeout: PING_MS, maxTimeout: PING_MS } },
    services: {
      identify: identify(),
      pubsub: gossip(topic),
    },
  })
}

/** One topic, where everything is signed by its author, and whoever publishes sends to all. */
function gossip(topic: string): ReturnType<typeof gossipsub> {
  const longest = MAX_BROADCAST_BYTES + ENVELOPE_BYTES + GOSSIP_OVERHEAD
  return gossipsub({
    globalSignaturePolicy: 'StrictSign',
    allowedTopics: [topic],
    allowPublishToZeroTopicPeers: true,
    emitSelf: false,
    fallbackToFloodsub: false,
    floodPublish: true,
    doPX: false,
    maxInboundDataLength: longest,
    maxOutboundBufferSize: 16 * longest,
    decodeRpcLimits: {
      maxSubscriptions: 8,
      maxMessages: 256,
      maxIhaveMessageIDs: 512,
      maxIwantMessageIDs: 512,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 64,
      maxPeerInfos: 0,
    },
    // All peers are pinned: a score would only mute nodes of one committee that share an address.
    scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0 },
  })
}
