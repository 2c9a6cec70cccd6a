import { createHash } from 'node:crypto'
import { TopicValidatorResult as Verdict } from '@libp2p/gossipsub'
import type { Log } from '@tandem/service'
import { type Envelope, openEnvelope, sealEnvelope } from '../envelope.ts'
import type { NodeName } from '../network.ts'
import type { NodeIdentity } from '../node-identity.ts'
import { broadcastSequence, heardBroadcasts } from '../sequence.ts'
import { allowances, openAllowance } from './allowance.ts'
import type { CommitteeNode } from './node.ts'
import type { Pinned } from './pinned.ts'

type PubSub = CommitteeNode['services']['pubsub']
type Message = Parameters<Parameters<PubSub['topicValidators']['set']>[1]>[1]

/** In bytes, of which the shortest broadcast costs as much as {@link LEAST}: fifty signatures a second are a peer's due. */
const ALLOWANCE = { perSecond: 1 * 1024 * 1024, most: 8 * 1024 * 1024 }
const LEAST = 4_096

export type Gossip = { readonly publish: (payload: Uint8Array) => Promise<void>; readonly stop: () => void }

/** One topic, where every message is an envelope of a pinned node, heard once. */
export function joinTopic(
  { services: { pubsub } }: CommitteeNode,
  options: {
    readonly topic: string
    readonly identity: NodeIdentity
    readonly pinned: Pinned
    readonly now: () => number
    readonly log: Log
    readonly hear: (from: NodeName, payload: Uint8Array) => void
  },
): Gossip {
  const { topic, identity, pinned, now, log, hear } = options
  const place = new Uint8Array(createHash('sha256').update(topic).digest())
  const next = broadcastSequence(now)
  const heard = heardBroadcasts(now)
  const allowanceOf = allowances(() => openAllowance(ALLOWANCE))
  const opened = new WeakMap<Message, Envelope>()

  /** Beyond it nothing of a peer is looked at, nor passed on: what matters is said again. */
  const affords = (author: NodeName, { length }: Uint8Array) => {
    const cost = Math.max(length, LEAST)
    const allowance = allowanceOf(author)
    return allowance.has(cost) && allowance.spend(cost) === 0
  }
  const judge = (_propagator: unknown, message: Message): Verdict => {
    try {
      const author = message.type === 'signed' ? pinned.nameOf(message.from) : undefined
      if (author !== undefined && !affords(author, message.data)) return Verdict.Ignore
      const from = (name: NodeName) => name === author
      const envelope = openEnvelope(message.data, { kind: 'broadcast', to: undefined, place, from })
      if (!heard.isNews(envelope.from, envelope.sequence)) return Verdict.Ignore
      opened.set(message, envelope)
      return Verdict.Accept
    } catch (cause) {
      log.warn({ event: 'broadcast-refused', cause })
      return Verdict.Reject
    }
  }
  const deliver = ({ detail }: { readonly detail: Message }) => {
    const envelope = opened.get(detail)
    if (envelope !== undefined) hear(envelope.from, envelope.payload)
  }
  pubsub.topicValidators.set(topic, judge)
  pubsub.addEventListener('message', deliver)
  pubsub.subscribe(topic)
  return {
    publish: async (payload) => {
      const envelope = { kind: 'broadcast', to: undefined, place, sequence: next(), payload } as const
      await pubsub.publish(topic, sealEnvelope(identity, envelope))
    },
    stop: () => pubsub.removeEventListener('message', deliver),
  }
}
