import { createHash, randomBytes } from 'node:crypto'
import { createLog } from '@tandem/service'
import { ENVELOPE_BYTES, sealEnvelope } from '../../sigpair/src/committee/envelope.ts'
import { encodeFrame, frameReader } from '../../sigpair/src/committee/libp2p/frames.ts'
import { PLACE_BYTES, PROTOCOL } from '../../sigpair/src/committee/libp2p/inbound.ts'
import { openLibp2pNetwork, TOPIC } from '../../sigpair/src/committee/libp2p/libp2p-network.ts'
import { type CommitteeNode, createNode, type Stream } from '../../sigpair/src/committee/libp2p/node.ts'
import { pin } from '../../sigpair/src/committee/libp2p/pinned.ts'
import { MAX_MESSAGE_BYTES, type Network, type Peer, PeerUnreachable } from '../../sigpair/src/committee/network.ts'
import { nodeIdentity } from '../../sigpair/src/committee/node-identity.ts'
import { freePort } from '../helpers/stack.ts'
import { broadcastsOf, messagesOf, text, until } from './network-contract.ts'

const [HONEST, EVIL, THIRD, STRANGER] = ['honest', 'evil', 'third', 'stranger'].map(
  (name) => new Uint8Array(createHash('sha256').update(name).digest()),
) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
const [honest, evil, third] = [HONEST, EVIL, THIRD].map(nodeIdentity) as [
  ReturnType<typeof nodeIdentity>,
  ReturnType<typeof nodeIdentity>,
  ReturnType<typeof nodeIdentity>,
]
const TOPIC_PLACE = new Uint8Array(createHash('sha256').update(TOPIC).digest())

let network: Network
let address: string
let adversary: CommitteeNode | undefined

beforeEach(async () => {
  address = `/ip4/127.0.0.1/tcp/${await freePort()}`
  network = await openLibp2pNetwork({
    identitySeed: HONEST,
    peers: [evil, third].map(({ name }): Peer => ({ name, label: 'peer', addresses: [] })),
    listen: [address],
    log: createLog({ name: 'test', level: 'silent' }),
  })
})

afterEach(async () => {
  await adversary?.stop()
  adversary = undefined
  await network.close()
})

/** Somebody who has a key and libp2p, and does with them what it likes. */
async function enter(seed: Uint8Array): Promise<CommitteeNode> {
  const pinned = pin([{ name: honest.name, label: 'honest', addresses: [address] }])
  adversary = await createNode({ seed, pinned, listen: [], topic: TOPIC })
  return adversary
}

test('a node that is not pinned gets no connection that it could use', async () => {
  const node = await enter(STRANGER)
  const heard = broadcastsOf(network)
  node.services.pubsub.subscribe(TOPIC)
  const target = pin([{ name: honest.name, label: '', addresses: [address] }]).peers[0]!
  await node.dial([...target.addresses], { signal: AbortSignal.timeout(3_000) }).then(
    async () => until(() => node.getConnections().length === 0),
    () => undefined,
  )
  await node.services.pubsub.publish(TOPIC, text('let me in'))
  expect(node.getConnections()).toEqual([])
  expect(heard).toEqual([])
})

describe('on the stream of a pinned peer', () => {
  /** A stream as {@link openLibp2pNetwork} opens them, and what this end must put into envelopes on it. */
  async function open(): Promise<{
    readonly stream: Stream
    readonly place: Uint8Array
    readonly ended: () => boolean
  }> {
    const node = adversary ?? (await enter(EVIL))
    const { id, addresses } = pin([{ name: honest.name, label: '', addresses: [address] }]).peers[0]!
    if (node.getConnections(id).length === 0) await node.dial([...addresses])
    const stream = await node.dialProtocol(id, PROTOCOL)
    const frames = frameReader(PLACE_BYTES)
    let ended = false
    stream.addEventListener('close', () => void (ended = true))
    const place = await new Promise<Uint8Array>((resolve) => {
      stream.addEventListener('message', ({ data }) => frames.push(data.subarray()).forEach(resolve))
    })
    return { stream, place, ended: () => ended }
  }

  const sealed = (place: Uint8Array, sequence: bigint, as = evil, to = honest.name) =>
    sealEnvelope(as, { kind: 'message', to, place, sequence, payload: text(`number ${sequence}`) })

  const LIES: readonly (readonly [string, (place: Uint8Array) => Uint8Array])[] = [
    ['in the name of another peer', (place) => sealed(place, 1n, third)],
    ['for another receiver', (place) => sealed(place, 1n, evil, third.name)],
    ['of another stream', () => sealed(new Uint8Array(randomBytes(PLACE_BYTES)), 1n)],
    ['with a changed payload', (place) => flipped(sealed(place, 1n), ENVELOPE_BYTES)],
    ['with a changed signature', (place) => flipped(sealed(place, 1n), ENVELOPE_BYTES - 1)],
    ['of another version', (place) => flipped(sealed(place, 1n), 0)],
    ['with a gap before it', (place) => sealed(place, 2n)],
    ['with the sequence zero', (place) => sealed(place, 0n)],
    ['that is cut', (place) => sealed(place, 1n).subarray(0, ENVELOPE_BYTES - 1)],
    ['meant as a broadcast', () => broadcastOf(evil, 1n)],
  ]

  test.each(LIES)('an envelope %s ends the stream, unheard', async (_what, lie) => {
    const heard = messagesOf(network)
    const { stream, place, ended } = await open()
    stream.send(encodeFrame(lie(place)))
    await until(ended)
    expect(heard).toEqual([])

    const next = await open()
    next.stream.send(encodeFrame(sealed(next.place, 1n)))
    await until(() => heard.length > 0)
    expect(heard.map((one) => one.text)).toEqual(['number 1'])
  })

  test('an envelope that is played twice is heard once', async () => {
    const heard = messagesOf(network)
    const { stream, place, ended } = await open()
    const frame = encodeFrame(sealed(place, 1n))
    stream.send(frame)
    stream.send(frame)
    await until(ended)
    expect(heard.map((one) => one.text)).toEqual(['number 1'])
  })

  test('a frame that claims to be longer than any message is refused before it has come', async () => {
    const { stream, ended } = await open()
    const header = new Uint8Array(4)
    new DataView(header.buffer).setUint32(0, ENVELOPE_BYTES + MAX_MESSAGE_BYTES + 1)
    stream.send(header)
    await until(ended)
    expect(network.links().get(evil.name)!.heard).toBe(0)
  })

  test('a second stream takes the place of the first', async () => {
    const heard = messagesOf(network)
    const first = await open()
    const second = await open()
    await until(first.ended)
    second.stream.send(encodeFrame(sealed(second.place, 1n)))
    await until(() => heard.length > 0)
  })
})

test('a peer that does not read costs a bounded buffer, and then cannot be reached', async () => {
  const node = await enter(EVIL)
  await node.handle(PROTOCOL, (stream) => {
    stream.send(encodeFrame(new Uint8Array(PLACE_BYTES)))
    stream.pause()
  })
  await node.dial([...pin([{ name: honest.name, label: '', addresses: [address] }]).peers[0]!.addresses])
  await until(() => network.links().get(evil.name)!.connected)

  let sent = 0
  const flood = async () => {
    for (; sent < 100; sent++) await network.send(evil.name, new Uint8Array(MAX_MESSAGE_BYTES))
  }
  await expect(flood()).rejects.toThrow(PeerUnreachable)
  expect(sent).toBeGreaterThan(30)
  expect(sent).toBeLessThan(60)
})

test('a peer that opens no stream, or begins it with something else, cannot be reached', async () => {
  const node = await enter(EVIL)
  await node.dial([...pin([{ name: honest.name, label: '', addresses: [address] }]).peers[0]!.addresses])
  await until(() => network.links().get(evil.name)!.connected)
  await expect(network.send(evil.name, text('hello'))).rejects.toThrow(PeerUnreachable)

  await node.handle(PROTOCOL, (stream) => void stream.send(encodeFrame(new Uint8Array(PLACE_BYTES - 1))))
  await expect(network.send(evil.name, text('hello'))).rejects.toThrow(PeerUnreachable)
})

describe('on the topic', () => {
  test('what is not of its sender, not of now or not an envelope is not heard', async () => {
    const node = await enter(EVIL)
    const heard = broadcastsOf(network)
    const { addresses } = pin([{ name: honest.name, label: '', addresses: [address] }]).peers[0]!
    await node.dial([...addresses])
    node.services.pubsub.subscribe(TOPIC)
    await until(() => node.services.pubsub.getSubscribers(TOPIC).length > 0)

    const micros = BigInt(Date.now()) * 1_000n
    const lies = [
      broadcastOf(third, micros),
      broadcastOf(evil, micros - 400_000_000n),
      broadcastOf(evil, micros + 400_000_000n),
      broadcastOf(evil, micros, new Uint8Array(32)),
      flipped(broadcastOf(evil, micros), ENVELOPE_BYTES),
      text('no envelope at all'),
    ]
    for (const lie of lies) await node.services.pubsub.publish(TOPIC, lie)
    const truth = broadcastOf(evil, micros)
    await node.services.pubsub.publish(TOPIC, truth)
    await node.services.pubsub.publish(TOPIC, truth)
    await node.services.pubsub.publish(TOPIC, broadcastOf(evil, micros + 1n))
    await until(() => heard.length > 1)

    expect(heard.map(({ from, text: line }) => [from, line])).toEqual([
      [evil.name, `number ${micros}`],
      [evil.name, `number ${micros + 1n}`],
    ])
  })
})

function broadcastOf(as: typeof evil, sequence: bigint, place = TOPIC_PLACE): Uint8Array {
  return sealEnvelope(as, { kind: 'broadcast', to: undefined, place, sequence, payload: text(`number ${sequence}`) })
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.with(at, bytes[at]! ^ 1)
}
