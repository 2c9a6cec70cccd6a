import { type Channel, type Message, type PartyIndex, ProtocolAbort, partyIndex, sessionId } from '@tandem/rounds'
import {
  agreementOn,
  CONTROL,
  type ControlName,
  canonicalJson,
  decodeFrame,
  ERRORS,
  encodeFrame,
  errorOfClose,
  type Frame,
  fromUtf8,
  type Hello,
  type HelloAnswer,
  helloAnswer,
  limits,
  type SecureChannel,
  startHandshake,
  subprotocolsOf,
  toHex,
  utf8,
  WIRE_VERSIONS,
  WireError,
} from '@tandem/wire'
import { TandemError } from '../errors.ts'
import type { DeviceIdentity } from '../identity.ts'
import type { Member } from '../members.ts'
import type { Platform, Socket } from '../platform.ts'
import { versionError } from '../versions.ts'

/** Frames that may wait unread. Sigpair is never more than a round and its final word ahead. */
const MAX_WAITING = 4

/** One encrypted conversation with Sigpair, or a member of a committee: a channel for the rounds, and the words around them. */
export type Dialogue = {
  readonly answer: HelloAnswer
  readonly channel: Channel
  readonly sendControl: (name: ControlName, body?: object) => void
  readonly receiveControl: (name: ControlName) => Promise<unknown>
  /** of the control frames that carry bytes, not JSON */
  readonly sendBytes: (name: 'share', body: Uint8Array) => void
  readonly receiveBytes: (name: 'backup') => Promise<Uint8Array>
  readonly close: () => void
}

export type DialogueRequest = {
  /** ws(s)://host:port */
  readonly sigpairUrl: string
  /** as pinned */
  readonly member: Member
  /** the party this device is */
  readonly self: PartyIndex
  readonly device: DeviceIdentity
  readonly ticket: string
  readonly hello: Hello
  /** until it is over; default {@link limits.DIALOGUE_MS} */
  readonly dialogueMs?: number
  /** to offer, ascending; default {@link WIRE_VERSIONS} */
  readonly versions?: readonly number[]
}

/**
 * Connects, authenticates both sides, and hands over ticket and hello.
 *
 * @throws {TandemError} `NETWORK` without an answer in time; `PIN_MISMATCH` when Sigpair is not the pinned one;
 *         `VERSION_UNSUPPORTED` when there is no common version;
 *         otherwise the code Sigpair closed the socket with
 */
export async function openDialogue(platform: Platform, request: DialogueRequest): Promise<Dialogue> {
  const { hello, device, member, versions = WIRE_VERSIONS, dialogueMs = limits.DIALOGUE_MS } = request
  const socket = platform.connect(`${request.sigpairUrl}/v1/${hello.op}`, subprotocolsOf('tandem', versions))
  const inbox = createInbox(socket)
  const cancel = platform.after(dialogueMs, () => {
    inbox.fail(new TandemError('NETWORK', 'The dialogue with Sigpair took too long; try again.'))
  })
  try {
    await inbox.opened
    const handshake = startHandshake({
      operation: hello.op,
      agreement: agreementOn('tandem', versions, socket.protocol),
      sigpairKey: member.exchange,
      deviceStatic: { secretKey: device.exchangeSecret, publicKey: device.exchange },
      identity: device.identity,
      certificate: device.certificate,
      ticket: request.ticket,
      hello: utf8(canonicalJson(hello)),
      rng: platform.random,
    })
    inbox.send(handshake.message1)
    const { answer, channel } = handshake.finish(await inbox.next())
    return dialogueOver(inbox, channel, checkAnswer(answer, member), { request, cancel })
  } catch (cause) {
    cancel()
    inbox.close()
    throw asTandemError(cause)
  }
}

type Opened = { readonly request: DialogueRequest; readonly cancel: () => void }

function dialogueOver(
  inbox: Inbox,
  secure: SecureChannel,
  answer: HelloAnswer,
  { request: { self: from, member }, cancel }: Opened,
): Dialogue {
  const send = (frame: Frame) => {
    inbox.send(secure.seal(encodeFrame(frame)))
  }
  const nextFrame = async () => decodeFrame(secure.open(await inbox.next()))
  const sendBytes = (name: ControlName, body: Uint8Array) => {
    send({ protocol: 'control', round: CONTROL[name], from, to: member.index, sid: ZERO, epoch: 0, body })
  }
  const receiveBytes = async (name: ControlName) => {
    const frame = await nextFrame()
    if (frame.protocol === 'control' && frame.round === CONTROL[name]) return frame.body
    throw new TandemError('ANSWER_REFUSED', `Sigpair should have said "${name}".`)
  }
  return {
    answer,
    channel: {
      send: async (message) => {
        send(message)
      },
      receive: async (from, signal) => toMessage(await orAborted(nextFrame(), signal), from),
    },
    sendControl: (name, body = {}) => {
      sendBytes(name, utf8(canonicalJson(body)))
    },
    receiveControl: async (name) => JSON.parse(fromUtf8(await receiveBytes(name))) as unknown,
    sendBytes,
    receiveBytes,
    close: () => {
      cancel()
      secure.close()
      inbox.close()
    },
  }
}

const ZERO = new Uint8Array(32)

function toMessage(frame: Frame, from: PartyIndex): Message {
  if (frame.protocol === 'control') throw new ProtocolAbort('MISMATCH', frame.round, [from])
  const { protocol, round, epoch, body } = frame
  return {
    protocol,
    round,
    epoch,
    body,
    sid: sessionId(frame.sid),
    from: partyIndex(frame.from),
    to: partyIndex(frame.to),
  }
}

function checkAnswer(bytes: Uint8Array, { identity }: Member): HelloAnswer {
  const parsed = helloAnswer.safeParse(JSON.parse(fromUtf8(bytes)))
  if (!parsed.success)
    throw new TandemError('ANSWER_REFUSED', 'Sigpair answered something that is not of its own schema.')
  if (parsed.data.identity.toLowerCase() !== toHex(identity)) {
    throw new TandemError('PIN_MISMATCH', 'Sigpair has another identity than the pinned one; nothing was signed.')
  }
  return parsed.data
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      reject(new TandemError('NETWORK', 'Sigpair was silent for too long.'))
    }
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', stop)
    })
  })
}

type Inbox = {
  readonly opened: Promise<void>
  readonly send: (bytes: Uint8Array) => void
  readonly next: () => Promise<Uint8Array>
  readonly fail: (error: Error) => void
  readonly close: () => void
}

/** Messages in order, waiting ones bounded; after the first failure every read rejects with it. */
function createInbox(socket: Socket): Inbox {
  const waiting: Uint8Array[] = []
  let reader: { resolve: (bytes: Uint8Array) => void; reject: (error: Error) => void } | undefined
  let failure: Error | undefined
  let rejectOpened: (error: Error) => void = () => undefined

  const fail = (error: Error) => {
    if (failure !== undefined) return
    failure = error
    reader?.reject(error)
    rejectOpened(error)
    socket.close()
  }
  const opened = new Promise<void>((resolve, reject) => {
    socket.onopen = () => {
      resolve()
    }
    rejectOpened = reject
  })
  opened.catch(() => undefined)
  socket.binaryType = 'arraybuffer'
  socket.onmessage = ({ data }) => {
    if (!(data instanceof ArrayBuffer)) fail(new WireError('FRAME_INVALID'))
    else if (reader !== undefined) {
      reader.resolve(new Uint8Array(data))
      reader = undefined
    } else if (waiting.length >= MAX_WAITING) fail(new WireError('FRAME_INVALID', 'too many frames'))
    else waiting.push(new Uint8Array(data))
  }
  socket.onerror = () => {
    fail(new TandemError('NETWORK', 'Sigpair cannot be reached; check the connection and repeat.'))
  }
  socket.onclose = ({ code, reason }) => {
    fail(closed(code, reason))
  }
  return {
    opened,
    send: (bytes) => {
      if (failure !== undefined) throw failure
      socket.send(bytes)
    },
    next: async () => {
      const first = waiting.shift()
      if (first !== undefined) return first
      if (failure !== undefined) throw failure
      return new Promise<Uint8Array>((resolve, reject) => {
        reader = { resolve, reject }
      })
    },
    fail,
    close: () => {
      fail(new TandemError('NETWORK', 'The dialogue is over.'))
    },
  }
}

function closed(code: number, reason: string): Error {
  const error = errorOfClose(code)
  if (error === undefined) return new TandemError('NETWORK', 'Sigpair closed the connection; try again.')
  if (error === 'VERSION_UNSUPPORTED') return versionError(reason)
  const details = reason.startsWith('Round ') ? { details: reason.slice(0, 60) } : {}
  return new TandemError(error, ERRORS[error].message, details)
}

/** One error family outside: what a service or the wire said, or what we refused. */
export function asTandemError(cause: unknown): unknown {
  if (cause instanceof WireError) {
    // The handshake fails to open only if the answer does not come from the pinned key.
    if (cause.code === 'UNAUTHENTICATED') {
      return new TandemError('PIN_MISMATCH', 'Whoever answered does not hold the pinned Sigpair key.', { cause })
    }
    if (cause.code === 'VERSION_UNSUPPORTED') return versionError('')
    return new TandemError(cause.code, cause.message, { cause })
  }
  return cause
}
