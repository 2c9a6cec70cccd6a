import { randomUUID } from 'node:crypto'
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Drain, type Handler, listen } from '@tandem/service'
import {
  type Agreement,
  ERRORS,
  type ErrorCode,
  limits,
  type SocketFamily,
  type TicketOperation,
  toProblem,
  versionUnsupported,
  WIRE_VERSIONS,
  WireError,
} from '@tandem/wire'
import { type WebSocket, WebSocketServer } from 'ws'
import { type DeviceSocket, deviceSocket } from './dialogue/channel-ws.ts'
import { callerAddress, chooseSubprotocol, type GateRules, judge } from './gate.ts'

/** What of a socket its end needs. */
export type Closing = { readonly close: DeviceSocket['close']; readonly gone: Promise<unknown> }

/** Where a socket comes from, judged and counted. */
export type Arrival = {
  readonly operation: TicketOperation
  readonly agreement: Agreement
  /** as it is counted */
  readonly address: string
  /** says that a dialogue is now running */
  readonly started: () => void
}

/** Serves one socket to its end, which it also makes; never rejects. */
export type Serve<Socket> = (socket: Socket, arrival: Arrival) => Promise<void>

/** What is spoken on a socket, and how it is read. */
export type Language<Socket> = {
  readonly family: SocketFamily
  /** of one message, bytes; `ws` drops the socket above this before buffering */
  readonly maxPayload: number
  readonly socketOver: (ws: WebSocket) => Socket
}

/** One dialogue to a socket. */
const ONE_DIALOGUE: Language<DeviceSocket> = {
  family: 'tandem',
  maxPayload: limits.MAX_SOCKET_PAYLOAD,
  socketOver: deviceSocket,
}

export type ServerOptions<Socket> = {
  /** for messages */
  readonly name: string
  readonly host: string
  /** 0 lets the system choose */
  readonly port: number
  readonly rules: GateRules
  /** what is spoken; default {@link WIRE_VERSIONS} */
  readonly versions?: readonly number[]
  readonly bounds: {
    /** sockets at once, each at most one dialogue */
    readonly sockets: number
    readonly perAddress: number
    readonly pingMs: number
  }
  /** what is no upgrade: health */
  readonly http: Handler
  readonly drain: Drain
  readonly serve: Serve<Socket>
}

export type DeviceServer = {
  /** ws://host:port, without path */
  readonly url: string
  /**
   * Takes no new sockets, closes those without a dialogue (1012), lets the others finish for at most `graceMs` and then
   * closes them too (1013). Health is answered until then.
   */
  readonly close: (graceMs: number) => Promise<void>
}

/** RFC 6455 and its registry: the service restarts; try again later. */
const RESTARTING = 1012
const TRY_LATER = 1013

/** Beside the sockets: health checks, and whoever is being refused with a reason. */
const SPARE_CONNECTIONS = 256

/** How long a peer may take to answer a close frame before the connection is cut. */
const CLOSE_MS = 2_000

type Guest = {
  readonly ws: WebSocket
  readonly socket: Closing
  readonly address: string
  /** resolves when its dialogue is over and settled */
  readonly served: Promise<void>
  running: boolean
  answersPings: boolean
}

/** Listens for devices that have one dialogue to a socket. */
export async function listenForDevices(options: Omit<ServerOptions<DeviceSocket>, 'name'>): Promise<DeviceServer> {
  return listenForSockets({ ...options, name: 'sigpair' }, ONE_DIALOGUE)
}

/** Judges each upgrade, bounds how many sockets there are, and lets `serve` do the rest. */
export async function listenForSockets<Socket extends Closing>(
  options: ServerOptions<Socket>,
  { family, maxPayload, socketOver }: Language<Socket>,
): Promise<DeviceServer> {
  const { bounds, rules, drain, host, versions = WIRE_VERSIONS } = options
  const tongue = { family, versions }
  const guests = new Set<Guest>()
  const own = tally()
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload,
    handleProtocols: (names) => chooseSubprotocol(names, tongue),
    ...{ closeTimeout: CLOSE_MS }, // missing from its types
  })
  const crowded = (address: string): ErrorCode | undefined => {
    if (drain.draining() || guests.size >= bounds.sockets) return 'UNAVAILABLE'
    return own.of(address) >= bounds.perAddress ? 'RATE_LIMITED' : undefined
  }

  const upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    stream.on('error', () => stream.destroy())
    const verdict = judge(request, rules, tongue)
    const address = callerAddress(request, rules)
    const refusal = 'refusal' in verdict ? verdict.refusal : crowded(address)
    if (refusal === 'VERSION_UNSUPPORTED')
      return sockets.handleUpgrade(request, stream, head, (ws) => turnAway(ws, versions))
    if ('refusal' in verdict || refusal) return refuse(stream, refusal ?? 'INTERNAL')
    sockets.handleUpgrade(request, stream, head, (ws) => {
      const socket = socketOver(ws)
      const guest = welcome({ ws, socket, address }, (started) =>
        drain.track(options.serve(socket, { ...verdict, address, started })),
      )
      guests.add(guest)
      own.count(address, 1)
      void gone(guest).then(() => {
        guests.delete(guest)
        own.count(address, -1)
      })
    })
  }
  const http = await listen(options.http, {
    name: options.name,
    host,
    port: options.port,
    connections: bounds.sockets + SPARE_CONNECTIONS,
  })
  http.server.on('upgrade', upgrade)
  const pings = setInterval(() => pingAll(guests), bounds.pingMs)
  pings.unref()

  const close = async (graceMs: number) => {
    await dismiss(guests, drain, graceMs)
    clearInterval(pings)
    http.cut()
    await http.close()
  }
  return { url: `ws://${host}:${http.port}`, close }
}

/** How many guests each address has. */
function tally() {
  const counts = new Map<string, number>()
  const of = (address: string) => counts.get(address) ?? 0
  return {
    of,
    count: (address: string, by: 1 | -1) => {
      const now = of(address) + by
      if (now > 0) counts.set(address, now)
      else counts.delete(address)
    },
  }
}

function welcome(
  arrived: Pick<Guest, 'ws' | 'socket' | 'address'>,
  serve: (started: () => void) => Promise<void>,
): Guest {
  const started = () => {
    guest.running = true
  }
  const guest: Guest = { ...arrived, served: serve(started), running: false, answersPings: true }
  guest.ws.on('pong', () => {
    guest.answersPings = true
  })
  return guest
}

/** A socket may outlive its dialogue by a close frame, and a dialogue its socket by what it must make durable. */
async function gone({ served, socket }: Guest): Promise<void> {
  await Promise.all([served, socket.gone])
}

/** A refused upgrade is an ordinary HTTP answer of the documented form. */
function refuse(stream: Duplex, code: ErrorCode): void {
  const body = JSON.stringify(toProblem(new WireError(code), randomUUID()))
  const { status } = ERRORS[code]
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  stream.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/** A browser shows an app nothing of a refused upgrade, but the close code of a socket that stood for a moment. */
function turnAway(ws: WebSocket, versions: readonly number[]): void {
  const { code, details } = versionUnsupported(versions)
  ws.on('error', () => ws.terminate())
  ws.close(ERRORS[code].close, details)
}

/** Whoever has not answered the last ping is gone, whatever TCP believes. */
function pingAll(guests: ReadonlySet<Guest>): void {
  for (const guest of guests) {
    if (guest.answersPings) guest.ws.ping()
    else guest.ws.terminate()
    guest.answersPings = false
  }
}

/** Idle ones at once, the others when they are done or the time is up. */
async function dismiss(guests: ReadonlySet<Guest>, drain: Drain, graceMs: number): Promise<void> {
  const finished = drain.drain(graceMs)
  for (const { running, socket } of guests) if (!running) socket.close(RESTARTING, 'restarting')
  await finished
  for (const { socket } of guests) socket.close(TRY_LATER, 'try again later')
  await within(CLOSE_MS, Promise.all([...guests].map(gone)))
  for (const { ws } of guests) ws.terminate()
}

/** Resolves when the work is done or the time is up, whichever is first. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}
