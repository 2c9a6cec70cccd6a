import { randomBytes } from 'node:crypto'
import type { IncomingMessage, Server as HttpServer } from 'node:http'
import {
  answerError,
  type Drain,
  entrySpan,
  type HttpAnswer,
  inScope,
  type Log,
  measure,
  parseJson,
  readTraceparent,
} from '@tandem/service'
import {
  isOperation,
  isPathOf,
  type KeyEvent,
  INTERNAL_VERSIONS,
  limits,
  OPERATIONS,
  requireVersion,
  SOCKET_HANDSHAKE,
  type SocketAnswer,
  socketCall,
  toProblem,
  WireError,
} from '@tandem/wire'
import { Server, type Socket } from 'socket.io'
import type { BackendCall } from './forward.ts'

export type SocketDeps = {
  readonly forward: (call: BackendCall) => Promise<HttpAnswer>
  /** @throws {WireError} unless this is the backend's own token, for exactly this, used for the first time */
  readonly admit: (call: BackendCall) => Promise<void>
  readonly hosts: readonly string[]
  readonly deadlineMs: number
  readonly drain: Drain
  readonly log: Log
}

export type Sockets = {
  /** to every backend that is connected to this instance */
  readonly announce: (event: KeyEvent) => void
  /** Cuts every connection. */
  readonly close: () => Promise<void>
}

/** A body may double when it travels as a string in JSON; a token comes along. */
const MAX_MESSAGE_BYTES = 2 * limits.MAX_JSON_BYTES + 16_384

/** A stranger has this long to say who he is. */
const CONNECT_MS = 5_000

/** A peer that is gone without a farewell is noticed after these two. */
const PING_EVERY_MS = 10_000
const PING_MS = 5_000

/** Running at a time for one connection. */
const MAX_RUNNING = 256

/**
 * The operations over Socket.IO, on the same port: the event is the operation, the acknowledgement is the answer. Who
 * connects shows a token, and each call has its own, exactly as over HTTP. Source: docs/spec/events.md, section 5.
 */
export function serveSockets(server: HttpServer, deps: SocketDeps): Sockets {
  const io = new Server(server, {
    transports: ['websocket'],
    serveClient: false,
    perMessageDeflate: false,
    maxHttpBufferSize: MAX_MESSAGE_BYTES,
    connectTimeout: CONNECT_MS,
    pingInterval: PING_EVERY_MS,
    pingTimeout: PING_MS,
    allowRequest: (req, decide) => decide(null, isForUs(req, deps.hosts)),
  })
  io.use((socket, next) => {
    admitted(deps, socket).then(
      () => next(),
      (error: unknown) => next(refusal(error, deps.log)),
    )
  })
  io.on('connection', (socket) => serve(deps, socket))
  return {
    announce: (event) => void io.local.emit(event.type, event),
    close: async () => {
      io.local.disconnectSockets(true)
      io.engine.close()
    },
  }
}

/** As for HTTP: a page that rebinds its name to our address has another Host, and no page has business here at all. */
function isForUs({ headers }: IncomingMessage, hosts: readonly string[]): boolean {
  const host = (headers.host ?? '').toLowerCase().replace(/:[0-9]{1,5}$/, '')
  return hosts.includes(host) && headers.origin === undefined
}

async function admitted({ admit, drain }: SocketDeps, { handshake }: Socket): Promise<void> {
  if (drain.draining()) throw new WireError('UNAVAILABLE', 'draining')
  requireVersion(handshake.auth['version'], INTERNAL_VERSIONS)
  const token: unknown = handshake.auth['token']
  if (typeof token !== 'string') throw new WireError('UNAUTHENTICATED')
  await admit({ ...SOCKET_HANDSHAKE, body: new Uint8Array(), token })
}

/** Socket.IO carries `data` to the other side's `connect_error`. */
function refusal(error: unknown, log: Log): Error {
  const { body } = answerError(error, newRequestId(), log)
  return Object.assign(new Error('refused'), { data: body })
}

function serve(deps: SocketDeps, socket: Socket): void {
  let running = 0
  socket.onAny((name: string, ...given: readonly unknown[]) => {
    const acknowledge = given.at(-1)
    // Whoever does not want to hear how it ended gets nothing done.
    if (typeof acknowledge !== 'function') return
    running += 1
    const answered = answer(deps, name, given.slice(0, -1), running > MAX_RUNNING).then((result) => {
      running -= 1
      acknowledge(result)
    })
    // Whoever drains waits for the acknowledgement too, not only for the work.
    void deps.drain.track(answered)
  })
}

async function answer(deps: SocketDeps, name: string, given: readonly unknown[], busy: boolean): Promise<SocketAnswer> {
  const requestId = newRequestId()
  const operation = isOperation(name) ? name : 'unknown'
  const attributes = { 'tandem.operation': operation, 'rpc.system.name': 'socket.io' }
  return inScope({ requestId, trace: traceOf(given) }, async () =>
    entrySpan({ name: operation, kind: 'server', attributes }, async (span) => {
      const startedAt = performance.now()
      const answered = await perform(deps, name, given, busy).catch((e: unknown) => refused(e, requestId, deps.log))
      const { status } = answered
      span.set({ 'http.response.status_code': status })
      if (status >= 500) span.fail()
      const ms = Math.round(performance.now() - startedAt)
      measure('rpc.server.call.duration', ms / 1000, { ...attributes, 'http.response.status_code': status })
      deps.log.info({ event: 'socket.request', operation, requestId, status, ms })
      return answered
    }),
  )
}

async function perform(
  { forward, deadlineMs, drain }: SocketDeps,
  name: string,
  given: readonly unknown[],
  busy: boolean,
): Promise<SocketAnswer> {
  if (busy || drain.draining()) throw new WireError('UNAVAILABLE')
  const { status, body } = await within(deadlineMs, drain.track(forward(callOf(name, given))))
  return { status, body: parseJson(body) }
}

/** Before anything else of the call is judged, so that a refusal shows in its trace too. */
function traceOf([call]: readonly unknown[]) {
  if (typeof call !== 'object' || call === null || !('traceparent' in call)) return undefined
  return readTraceparent(typeof call.traceparent === 'string' ? call.traceparent : undefined)
}

function refused(error: unknown, requestId: string, log: Log): SocketAnswer {
  const { status, body } = answerError(error, requestId, log)
  return { status, body: body ?? toProblem(new WireError('INTERNAL'), requestId) }
}

function callOf(name: string, given: readonly unknown[]): BackendCall {
  if (!isOperation(name)) throw new WireError('NOT_FOUND')
  const { success, data } = socketCall.safeParse(given[0])
  if (!success || given.length !== 1) throw new WireError('VALIDATION_FAILED', 'not {token, path, body?}')
  const { token, path, body = '' } = data
  if (!isPathOf(name, path)) throw new WireError('VALIDATION_FAILED', 'path: not of this operation')
  const bytes = Uint8Array.from(new TextEncoder().encode(body))
  if (bytes.length > limits.MAX_JSON_BYTES) throw new WireError('PAYLOAD_TOO_LARGE')
  return { method: OPERATIONS[name].method, path, body: bytes, token }
}

/** The caller waits for `ms` and no longer; the work itself goes on. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = new WireError('UNAVAILABLE', 'the deadline has passed; repeat the request for its result')
  let timer: NodeJS.Timeout | undefined
  const passed = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late), ms)
  })
  return Promise.race([work, passed]).finally(() => clearTimeout(timer))
}

const newRequestId = () => `req_${randomBytes(16).toString('base64url')}`
