import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Message, sessionId } from '@tandem/rounds'
import { toHex, utf8 } from '@tandem/wire'
import { readCommitteeConfig } from '../../../sigpair/src/committee/config.ts'
import { createNode } from '../../../sigpair/src/committee/libp2p/node.ts'
import { pin } from '../../../sigpair/src/committee/libp2p/pinned.ts'
import { MAX_MESSAGE_BYTES, type Network } from '../../../sigpair/src/committee/network.ts'
import type { CommitteeDeps } from '../../../sigpair/src/committee/operations/deps.ts'
import { encodeRound } from '../../../sigpair/src/committee/operations/messages.ts'
import { openCommittee } from '../../../sigpair/src/committee/operations/open-committee.ts'
import { startCommitteeNode } from '../../../sigpair/src/committee/start.ts'
import { wrapMethod } from '../../faults/children/mortal.ts'
import { LIES, lying } from '../lying-network.ts'

/**
 * A node as it ships, but for what it sends: `CHEAT` names a lie of {@link LIES}, told to the node `VICTIM` if there is one,
 * or something of {@link CRIMES}. Without it the node is honest.
 */
const { CHEAT: cheat = '', VICTIM: victim } = process.env

const CRIMES: Readonly<Record<string, (deps: CommitteeDeps) => void | Promise<void>>> = {
  replay: replayEnvelopes,
  flood: ({ network }) => {
    void floodTopic(network)
    for (const { name } of network.peers) void floodStream(network, name)
  },
  sessions: ({ network }) => openSessions(network),
}

/** Every message goes out twice in its envelope, and so does every broadcast, a while later. */
async function replayEnvelopes(): Promise<void> {
  const probe = await createNode({ seed: randomBytes(32), pinned: pin([]), listen: [], topic: 'probe' })
  wrapMethod(Object.getPrototypeOf(probe.services.pubsub) as object, 'publish', (_, call) => {
    void sleep(300).then(call)
    return call()
  })
  wrapMethod(Object.getPrototypeOf(probe) as object, 'dialProtocol', async (_, call) => {
    const stream = (await call()) as object
    wrapMethod(stream, 'send', (_args, send) => {
      send()
      return send()
    })
    return stream
  })
  await probe.stop()
}

/** As fast as it can. */
async function floodTopic(network: Network): Promise<void> {
  for (;;) {
    const note = { type: 'ask', keyId: toHex(randomBytes(32)), attempt: 1, stageId: toHex(randomBytes(32)) }
    await network.broadcast(utf8(JSON.stringify(note))).catch(() => undefined)
    await sleep(1)
  }
}

async function floodStream(network: Network, to: string): Promise<void> {
  const payload = new Uint8Array(MAX_MESSAGE_BYTES)
  for (;;) {
    const sent = await network.send(to, payload).then(
      () => true,
      () => false,
    )
    await sleep(sent ? 1 : 20)
  }
}

/** More than a node has open of one peer, and in the first of them more rounds than it keeps of one. */
const SESSIONS = 600
const STUFFED = 40

/** Brings every command that it hears in hundreds of sessions of its own, and rounds that nobody has asked for. */
function openSessions(network: Network): void {
  const brought = new Set<string>()
  network.onBroadcast((_from, payload) => {
    const note = JSON.parse(Buffer.from(payload).toString()) as Command
    if (note.sessionId === undefined || note.request === undefined || brought.has(note.request.requestId)) return
    brought.add(note.request.requestId)
    void bring(network, note)
  })
}

type Command = { readonly sessionId?: string; readonly request?: { readonly requestId: string } }

async function bring(network: Network, command: Command): Promise<void> {
  const header = { protocol: 'sign', round: 1, from: 1, to: 2, sid: sessionId(randomBytes(32)), epoch: 0 } as const
  const message = { ...header, body: new Uint8Array(65_000) } as Message
  for (let i = 0; i < SESSIONS; i++) {
    const session = toHex(randomBytes(32))
    await network.broadcast(utf8(JSON.stringify({ ...command, sessionId: session }))).catch(() => undefined)
    const round = encodeRound(session, { message, signature: new Uint8Array(64) })
    for (const { name } of i < STUFFED ? network.peers : []) {
      for (let n = 0; n < 16; n++) await network.send(name, round).catch(() => undefined)
    }
    await sleep(1)
  }
}

const lie = LIES[cheat as keyof typeof LIES] as (typeof LIES)[keyof typeof LIES] | undefined
const told = lie && victim !== undefined && victim !== '' ? { ...lie, to: victim } : lie
await startCommitteeNode(readCommitteeConfig(), async (deps) => {
  await CRIMES[cheat]?.(deps)
  return openCommittee({ ...deps, network: lying(deps, () => told) })
})
