import { issueServiceToken, NoAnswer, type ServiceIdentity, span, timed, traceparentHeader } from '@tandem/service'
import { INTERNAL_VERSIONS, isErrorCode, operationOf, SOCKET_HANDSHAKE, socketAnswer } from '@tandem/wire'
import { io, type Socket } from 'socket.io-client'
import type { DuoNodeCall, Transport, TransportOptions } from './duo-node-transport.ts'

/** A duo-node that is there answers in milliseconds; one that is not must not keep a user waiting. */
const CONNECT_MS = 3_000

const RETRY_MS = 100
const MAX_RETRY_MS = 1_000

type SocketOptions = Required<TransportOptions> & { readonly identity: ServiceIdentity }

/**
 * One connection for the whole process, opened now and again whenever it is lost. A call that finds none waits for the
 * next attempt and no longer. Spec: docs/spec/events.md, section 5.
 */
export function overSocket({ url, key, identity, timeoutMs }: SocketOptions): Transport {
  const handshake = async () => {
    const from = { issuer: 'functions', subject: 'system', audience: ['duo-node'] }
    return issueServiceToken(key, from, { ...SOCKET_HANDSHAKE, body: new Uint8Array() })
  }
  const socket = io(url, {
    transports: ['websocket'],
    // A token is good once: each attempt to connect needs its own.
    auth: (give) => {
      handshake().then(
        (token) => give({ token, version: INTERNAL_VERSIONS.at(-1) }),
        () => give({}),
      )
    },
    timeout: CONNECT_MS,
    reconnectionDelay: RETRY_MS,
    reconnectionDelayMax: MAX_RETRY_MS,
    forceNew: true,
    autoConnect: false,
    // A process that has ended its work must not live on for this.
    autoUnref: true,
  })
  const introduce = introducing(socket, identity, url)
  socket.on('disconnect', () => void introduce().catch(() => undefined))
  return async (call) => {
    await introduce()
    await connected(socket)
    return emit(socket, call, timeoutMs)
  }
}

/** The platform looks at who connects, and at nothing after that; so every attempt to connect has what was known last. */
function introducing(socket: Socket, identity: ServiceIdentity, url: string): () => Promise<void> {
  return async () => {
    socket.io.opts.extraHeaders = { ...(await identity(url)) }
  }
}

async function emit(socket: Socket, call: DuoNodeCall, timeoutMs: number) {
  const { method, path } = call
  const operation = operationOf(method, path)
  if (operation === undefined) throw new TypeError(`${method} ${path} is no operation of duo-node`)
  const attributes = { 'tandem.operation': operation, 'rpc.system.name': 'socket.io' }
  return span({ name: operation, kind: 'client', attributes }, async () =>
    timed('rpc.client.call.duration', attributes, async () => acknowledged(socket, operation, call, timeoutMs)),
  )
}

async function acknowledged(socket: Socket, operation: string, { path, body, token }: DuoNodeCall, timeoutMs: number) {
  const text = body.length === 0 ? {} : { body: new TextDecoder().decode(body) }
  try {
    // Connected since the line before: what is said goes out now, and is not kept for a later connection.
    const given: unknown = await socket
      .timeout(timeoutMs)
      .emitWithAck(operation, { token, path, ...text, ...traceparentHeader() })
    const answer = socketAnswer.parse(given)
    return { status: answer.status, body: Uint8Array.from(new TextEncoder().encode(JSON.stringify(answer.body))) }
  } catch (cause) {
    throw new NoAnswer(`no answer to ${operation}`, { cause })
  }
}

/** @throws {NoAnswer} if the attempt to connect that is under way fails, or takes too long */
async function connected(socket: Socket): Promise<void> {
  if (socket.connected) return
  // After a refusal Socket.IO does not try again by itself.
  if (!socket.active) socket.connect()
  await new Promise<void>((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer)
      socket.off('connect', up).off('connect_error', down)
      act()
    }
    const up = () => settle(resolve)
    const down = (cause: Error) => settle(() => reject(new NoAnswer(whyNot(cause), { cause })))
    const timer = setTimeout(() => down(new Error('timeout')), CONNECT_MS)
    socket.once('connect', up).once('connect_error', down)
  })
}

/** For the log: a refused connection says why, as a problem. */
function whyNot(cause: Error & { readonly data?: unknown }): string {
  const { error, details } = { ...(cause.data as { readonly error?: unknown; readonly details?: unknown } | undefined) }
  if (!isErrorCode(error)) return 'duo-node cannot be reached'
  return `duo-node refuses the connection: ${error}${typeof details === 'string' ? ` (${details.slice(0, 200)})` : ''}`
}
