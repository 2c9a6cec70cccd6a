import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { x25519 } from '@noble/curves/ed25519.js'
import {
  backupStatement,
  keygen,
  type KeygenResult,
  openPair,
  type OnlineMessage,
  type Presignature,
  presign,
  pveEncrypt,
  refresh,
  rehearsalQuorums,
  sign,
  type Signature,
  type SigningKey,
} from '@tandem/ecdsa'
import {
  type Channel,
  keyId,
  type Message,
  type PartyIndex,
  partyIndex,
  type Protocol,
  run,
  runAlone,
  sessionId,
} from '@tandem/rounds'
import {
  acceptHandshake,
  CONTROL,
  type ControlName,
  canonicalJson,
  decodeFrame,
  encodeFrame,
  fromHex,
  fromUtf8,
  type Hello,
  hello as helloSchema,
  type HelloAnswer,
  toBase64url,
  toHex,
  utf8,
} from '@tandem/wire'
import { fast } from './backends.ts'
import { identityOf, signAs } from './keygen.ts'
import type { PaperLeg } from './paper-gateway.ts'
import { queue, type Queue } from './queue.ts'
import { seeded } from './rng.ts'

/** One member of a committee without a database: honest but for `tamper`. */
export type PaperMember = {
  readonly index: PartyIndex
  readonly exchange: { readonly secretKey: Uint8Array; readonly publicKey: Uint8Array }
  /** of what it has in force, and of what is staged */
  current: KeygenResult | undefined
  inForce: string | undefined
  stage: { readonly stageId: string; readonly result: KeygenResult } | undefined
  readonly presignatures: Map<string, Presignature>
  /** what becomes of its messages to the device */
  tamper: (message: Message) => Message
}

/** What members share: the size of the committee, their mail, and what the test says. */
export type PaperWorld = {
  readonly nodes: number
  readonly threshold: number
  /** between members, by session */
  readonly mail: Map<string, Queue<Message>>
  /** the enrolled recovery key */
  ek: Uint8Array | undefined
  /** of the session that an interactive dialogue signs, without ρ_D */
  message: Omit<OnlineMessage, 'rhoD'> | undefined
  /** of interactive dialogues, by every member that took part */
  readonly signatures: Signature[]
}

export function paperMember(index: number): PaperMember {
  const secretKey = seeded(`exchange ${index}`)(32)
  const exchange = { secretKey, publicKey: x25519.getPublicKey(secretKey) }
  const state = { current: undefined, inForce: undefined, stage: undefined, presignatures: new Map() }
  return { index: partyIndex(index), exchange, ...state, tamper: (message) => message }
}

type Seat = {
  readonly world: PaperWorld
  readonly member: PaperMember
  readonly hello: Hello
  readonly device: Uint8Array
  readonly play: <Out>(protocol: Protocol<Out>) => Promise<Out>
  readonly say: (name: ControlName, body?: Uint8Array) => void
  readonly hear: (name: ControlName) => Promise<void>
}

/** One leg of one dialogue, to its end. Rejects when a check fails or the device leaves. */
export async function serveMember(world: PaperWorld, member: PaperMember, leg: PaperLeg): Promise<void> {
  const { operation, send, next } = leg
  const accepted = acceptHandshake({
    operation: operation as Hello['op'],
    sigpairStatic: member.exchange,
    message1: await next(),
    rng: seeded(`handshake ${member.index} ${Math.random()}`),
  })
  const hello = helloSchema.parse(JSON.parse(fromUtf8(accepted.hello)))
  if (hello.committee === undefined) throw new Error('a hello for nobody else')
  const { message2, channel } = accepted.answer(utf8(canonicalJson(answerTo(world, member, hello))))
  send(message2)
  const device = partyIndex(world.nodes + 1)
  const nextFrame = async () => decodeFrame(channel.open(await next()))
  const ends = {
    toDevice: (message: Message) => send(channel.seal(encodeFrame(member.tamper(message)))),
    fromDevice: async () => messageOf(await nextFrame()),
  }
  const host = hostOf(channelOf(world, member.index, device, ends, hello.committee.session))
  await OPERATIONS[hello.op](
    {
      ...{ world, member, hello, device: accepted.deviceIdentity },
      play: async (protocol) => run(protocol, host),
      say: (name, body = utf8('{}')) => {
        const about = { protocol: 'control' as const, round: CONTROL[name], from: member.index, to: device, epoch: 0 }
        send(channel.seal(encodeFrame({ ...about, sid: new Uint8Array(32), body })))
      },
      hear: async (name) => {
        const frame = await nextFrame()
        const right = frame.protocol === 'control' && frame.round === CONTROL[name] && frame.from === device
        if (!right || frame.to !== member.index) throw new Error(`the device should have said ${name}`)
      },
    },
    accepted.ticket.split('.')[0]!,
  )
}

function answerTo({ ek }: PaperWorld, { index }: PaperMember, hello: Hello): HelloAnswer {
  const named = hello.op === 'refresh' || hello.op === 'recover' ? ek : undefined
  return {
    identity: toHex(identityOf(index)),
    ...(hello.committee?.stageId === undefined ? {} : { stageId: hello.committee.stageId }),
    ...(named === undefined ? {} : { recoveryKey: toHex(named) }),
    ...(hello.op === 'presign' ? { count: hello.count } : {}),
  }
}

const OPERATIONS: Record<Hello['op'], (seat: Seat, key: string) => Promise<void>> = {
  keygen: async (seat, key) => {
    const { world, member } = seat
    const setup = { keyId: keyId(fromHex(key)), self: member.index, threshold: world.threshold + 1, withDevice: true }
    await stageIt(seat, await seat.play(keygen({ ...setup, identities: identities(seat) }, depsOf(member))))
  },
  refresh: renew,
  recover: renew,
  presign: async (seat) => {
    const { member, hello, play } = seat
    if (hello.op !== 'presign') return
    const made: string[] = []
    for (const sigid of hello.sigids) {
      const session = { sigid: sessionId(fromHex(sigid)), signers: signersOf(seat) }
      const value = await play(presign(session, signingKeyOf(member), depsOf(member)))
      const id = toBase64url(value.id)
      member.presignatures.set(id, value)
      made.push(id)
    }
    await seat.hear('stored')
    seat.say('done', utf8(canonicalJson({ presignatures: made })))
  },
  sign: async (seat) => {
    const { world, member, hello, play } = seat
    if (hello.op !== 'sign' || world.message === undefined) return
    const session = {
      sigid: sessionId(fromHex(hello.sigid)),
      signers: signersOf(seat),
      message: { ...world.message, rhoD: fromHex(hello.rhoD) },
      ...{ assembler: 'all' as const, range: 'evm' as const },
    }
    world.signatures.push(await play(sign(session, signingKeyOf(member), depsOf(member))))
    await seat.hear('stored')
    seat.say('done')
  },
}

async function renew(seat: Seat): Promise<void> {
  const { member, hello } = seat
  const share = { ...member.current!.share, identities: identities(seat) }
  const stageId = fromHex(hello.committee!.stageId!)
  await stageIt(seat, await seat.play(refresh({ share, stageId }, depsOf(member))))
}

async function stageIt(seat: Seat, result: KeygenResult): Promise<void> {
  const { world, member, hello, play, say, hear } = seat
  const key = keyOf(result)
  for (const signers of rehearsalQuorums(result.share).filter((quorum) => quorum.includes(member.index))) {
    const named = createHash('sha256').update(result.share.ssid).update(Uint8Array.from(signers)).digest()
    const session = { sigid: sessionId(Uint8Array.from(named)), signers }
    await play(presign(session, key, depsOf(member)))
  }
  if (world.ek !== undefined && hello.op !== 'keygen') {
    const about = { party: member.index, purpose: 'recovery' as const, ek: world.ek }
    const statement = backupStatement(result.share, about)
    const encrypted = pveEncrypt(fast, statement, result.share.secret, seeded(`backup ${member.index}`))
    say('backup', await runAlone(encrypted, async () => setImmediate()))
  }
  await hear('stored')
  member.stage = { stageId: hello.committee!.stageId!, result }
  say('done')
}

function identities({ world, device }: Seat): readonly Uint8Array[] {
  return [...Array.from({ length: world.nodes }, (_, at) => identityOf(at + 1)), device]
}

function signersOf({ hello }: Seat): readonly PartyIndex[] {
  return hello.committee!.signers!.map(partyIndex)
}

function keyOf({ share, pairs }: KeygenResult): SigningKey {
  return { share, pairs: new Map(pairs.map((pair) => [pair.peer, openPair(fast, pair)])) }
}

function signingKeyOf({ current }: PaperMember): SigningKey {
  if (current === undefined) throw new Error('the member has no key in force')
  return keyOf(current)
}

let runs = 0
function depsOf({ index }: PaperMember) {
  runs += 1
  return { backend: fast, rng: seeded(`member ${index} ${runs}`), sign: signAs(index) }
}

type DeviceEnds = { readonly toDevice: (message: Message) => void; readonly fromDevice: () => Promise<Message> }

/** To the device over the leg, to the others through the mail of this session. */
function channelOf(
  { mail }: PaperWorld,
  self: PartyIndex,
  device: PartyIndex,
  { toDevice, fromDevice }: DeviceEnds,
  session: string,
): Channel {
  const box = (from: PartyIndex, to: PartyIndex) => {
    const name = `${session} ${from} ${to}`
    const found = mail.get(name) ?? queue<Message>()
    mail.set(name, found)
    return found
  }
  return {
    send: async (message) => (message.to === device ? toDevice(message) : box(self, message.to).put(message)),
    receive: async (from) => (from === device ? fromDevice() : box(from, self).take()),
  }
}

function messageOf(frame: ReturnType<typeof decodeFrame>): Message {
  const { protocol, round, epoch, body } = frame
  if (protocol === 'control') throw new Error('a message of the run was expected')
  const [from, to] = [partyIndex(frame.from), partyIndex(frame.to)]
  return { protocol, round, epoch, body, from, to, sid: sessionId(frame.sid) }
}

function hostOf(channel: Channel) {
  return {
    channel,
    record: async () => undefined,
    breathe: async () => setImmediate(),
    after: () => () => undefined,
    roundMs: 0,
    signal: new AbortController().signal,
  }
}
