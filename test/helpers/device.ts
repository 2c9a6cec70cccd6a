import { randomBytes } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import {
  type Channel,
  type JournalEntry,
  type Message,
  type Protocol,
  partyIndex,
  run,
  sessionId,
} from '@tandem/rounds'
import {
  CONTROL,
  canonicalJson,
  certifyExchangeKey,
  decodeFrame,
  encodeFrame,
  type Frame,
  fromUtf8,
  type Hello,
  type HelloAnswer,
  type SecureChannel,
  startHandshake,
  type TicketOperation,
  toHex,
  utf8,
} from '@tandem/wire'
import { WebSocket } from 'ws'
import type { Tamper } from './simulate.ts'

/** A device as the network sees it: an identity, a certified key, a socket. It trusts nothing and checks nothing itself. */
export type Device = {
  readonly identity: Uint8Array
  readonly sign: (message: Uint8Array) => Uint8Array
  readonly exchange: { readonly secretKey: Uint8Array; readonly publicKey: Uint8Array }
  readonly certificate: Uint8Array
  /** as tickets and key records name it */
  readonly cnf: { readonly identity: string; readonly exchange: string }
}

export function createDevice(rng: (n: number) => Uint8Array = (n) => new Uint8Array(randomBytes(n))): Device {
  const identitySecret = rng(32)
  const identity = ed25519.getPublicKey(identitySecret)
  const secretKey = rng(32)
  const publicKey = x25519.getPublicKey(secretKey)
  return {
    identity,
    sign: (message) => ed25519.sign(message, identitySecret),
    exchange: { secretKey, publicKey },
    certificate: certifyExchangeKey(identitySecret, publicKey),
    cnf: { identity: toHex(identity), exchange: toHex(publicKey) },
  }
}

/** How Sigpair ended a dialogue. */
export class Closed extends Error {
  override readonly name = 'Closed'
  readonly code: number
  readonly reason: string

  constructor(code: number, reason: string) {
    super(`closed with ${code} ${reason}`)
    this.code = code
    this.reason = reason
  }
}

export type DialogueRequest = {
  /** ws://host:port */
  readonly url: string
  /** X25519, as the app has pinned it */
  readonly sigpairKey: Uint8Array
  readonly device: Device
  readonly ticket: string
  readonly hello: Hello
  /** what the handshake says, if another than the hello does */
  readonly operation?: TicketOperation
  /** where the socket goes, if elsewhere than the operation's place */
  readonly path?: string
  /** what becomes of the device's messages on their way out */
  readonly tamper?: Tamper
}

/** An established dialogue, with everything a liar needs in reach. */
export type Conversation = {
  readonly answer: HelloAnswer
  readonly channel: Channel
  readonly send: (frame: Frame) => void
  /** bytes as they are, without sealing */
  readonly sendRaw: (bytes: Uint8Array) => void
  readonly seal: SecureChannel['seal']
  readonly next: () => Promise<Frame>
  readonly stored: () => void
  readonly done: () => Promise<unknown>
  readonly closed: Promise<Closed>
  readonly leave: () => void
}

const ZERO = new Uint8Array(32)

/** @throws {Closed} if Sigpair refuses */
export async function converse(request: DialogueRequest): Promise<Conversation> {
  const { device, hello, operation = hello.op, tamper = (message) => message } = request
  const socket = openSocket(`${request.url}${request.path ?? `/v1/${operation}`}`)
  await socket.opened
  const handshake = startHandshake({
    ...device,
    operation,
    sigpairKey: request.sigpairKey,
    deviceStatic: device.exchange,
    ticket: request.ticket,
    hello: utf8(canonicalJson(hello)),
    rng: (n) => new Uint8Array(randomBytes(n)),
  })
  socket.send(handshake.message1)
  const { answer, channel: secure } = handshake.finish(await socket.next())

  const send = (frame: Frame) => socket.send(secure.seal(encodeFrame(frame)))
  const next = async () => decodeFrame(secure.open(await socket.next()))
  return {
    answer: JSON.parse(fromUtf8(answer)) as HelloAnswer,
    channel: channelOver(send, next, tamper),
    send,
    sendRaw: socket.send,
    seal: (bytes) => secure.seal(bytes),
    next,
    stored: () =>
      send({ protocol: 'control', round: CONTROL.stored, from: 1, to: 2, sid: ZERO, epoch: 0, body: utf8('{}') }),
    done: async () => {
      const { protocol, round, body } = await next()
      if (protocol !== 'control' || round !== CONTROL.done) throw new Error('Sigpair should have said done')
      return JSON.parse(fromUtf8(body)) as unknown
    },
    closed: socket.closed,
    leave: socket.leave,
  }
}

/** Runs the device's side of a protocol. What it journals is durable at once: a test device never crashes. */
export async function play<Out>(
  { channel }: Pick<Conversation, 'channel'>,
  protocol: Protocol<Out>,
  journal: (entry: JournalEntry) => void = () => {},
): Promise<Out> {
  return run(protocol, {
    channel,
    record: async (entry) => journal(entry),
    breathe: () => setImmediate(),
    // Sigpair's deadlines are what is tested; the device waits for ever.
    after: () => () => {},
    roundMs: 0,
    signal: new AbortController().signal,
  })
}

function channelOver(send: (frame: Frame) => void, next: () => Promise<Frame>, tamper: Tamper): Channel {
  return {
    send: async (message) => {
      const changed = tamper(message)
      if (changed) send(changed instanceof Uint8Array ? { ...message, body: changed } : changed)
    },
    receive: async () => messageOf(await next()),
  }
}

function messageOf({ protocol, round, epoch, sid, from, to, body }: Frame): Message {
  if (protocol === 'control') throw new Error('a message of the run was expected')
  return { protocol, round, epoch, sid: sessionId(sid), from: partyIndex(from), to: partyIndex(to), body }
}

type ClientSocket = {
  readonly opened: Promise<void>
  readonly send: (bytes: Uint8Array) => void
  readonly next: () => Promise<Uint8Array>
  readonly closed: Promise<Closed>
  readonly leave: () => void
}

/** A socket whose messages wait in order, and whose end every reader hears of. */
export function openSocket(url: string, subprotocol = 'tandem.v1', headers: Record<string, string> = {}): ClientSocket {
  const ws = new WebSocket(url, subprotocol, { headers })
  const waiting: Uint8Array[] = []
  let reader: { resolve: (bytes: Uint8Array) => void; reject: (error: Error) => void } | undefined
  let end: Error | undefined
  const finish = (error: Error) => {
    end ??= error
    reader?.reject(end)
  }
  ws.on('message', (data: Buffer) => {
    const bytes = new Uint8Array(data)
    if (reader) reader.resolve(bytes)
    else waiting.push(bytes)
    reader = undefined
  })
  const closed = new Promise<Closed>((resolve) => {
    ws.on('close', (code, reason) => {
      const error = new Closed(code, reason.toString())
      finish(error)
      resolve(error)
    })
  })
  const opened = new Promise<void>((resolve, reject) => {
    ws.once('open', resolve)
    ws.on('error', (error) => {
      finish(error)
      reject(error)
    })
  })
  return {
    opened,
    closed,
    send: (bytes) => ws.send(bytes),
    next: () => {
      const early = waiting.shift()
      if (early) return Promise.resolve(early)
      if (end) return Promise.reject(end)
      return new Promise((resolve, reject) => {
        reader = { resolve, reject }
      })
    },
    leave: () => ws.terminate(),
  }
}
