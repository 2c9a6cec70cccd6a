import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** What stands before several instances of a service, as Cloud Run's front end does. */
export type Balancer = {
  readonly url: string
  readonly close: () => Promise<void>
}

/** A call on its way: `asked` before an instance gets it, `answered` before the caller gets the answer. */
export type Passing = {
  /** its place among the ports */
  readonly instance: number
  readonly moment: 'asked' | 'answered'
  readonly method: string
  /** path and query */
  readonly target: string
}

export type Watch = (passing: Passing) => void

/** Ours are at most half of this. */
const MAX_BODY_BYTES = 1024 * 1024

const HOST = '127.0.0.1'

/** Nobody took it; whether somebody began with it is unknown. The body is deliberately none of our own errors. */
const NOBODY = 'no instance answered\n'

/**
 * Hands every request, and every WebSocket, to the next instance: no affinity, and no connection is used twice. An instance
 * that refuses the connection is passed over. Whatever else goes wrong is 502: only the caller knows whether he may repeat.
 *
 * @param options.ports of the instances, on loopback
 * @param options.admits who gets past, by the headers, as Cloud Run's IAM check has it; without it, everybody
 * @param options.watch hears of every call that an instance has taken
 */
export async function startBalancer(options: {
  readonly host: string
  readonly port: number
  readonly ports: readonly number[]
  readonly admits?: (headers: IncomingHttpHeaders) => boolean
  readonly watch?: Watch | undefined
}): Promise<Balancer> {
  const { host, port, ports, admits = () => true, watch = () => undefined } = options
  let turn = 0
  /** each instance once, beginning with the one whose turn it is */
  const inTurn = (): number[] => {
    const first = turn++
    return ports.map((_, i) => (first + i) % ports.length)
  }
  const open = new Set<Duplex>()
  const server = createServer((asked, answer) => {
    if (!admits(asked.headers)) answer.writeHead(403).end()
    else void passOn(asked, answer, inTurn(), { ports, watch })
  })
  server.on('connection', (socket) => keep(open, socket))
  server.on('upgrade', (asked: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!admits(asked.headers)) socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n')
    else void passUp({ asked, socket, head }, inTurn(), { ports, watch, open })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address()
  return {
    url: `http://${host}:${typeof address === 'object' && address !== null ? address.port : port}`,
    close: async () => {
      const gone = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of open) socket.destroy()
      await gone
    },
  }
}

type Instances = { readonly ports: readonly number[]; readonly watch: Watch }

/** Sockets that are open, for the end. */
function keep(open: Set<Duplex>, socket: Duplex): void {
  open.add(socket)
  socket.once('close', () => open.delete(socket))
}

async function passOn(
  asked: IncomingMessage,
  answer: ServerResponse,
  order: readonly number[],
  { ports, watch }: Instances,
): Promise<void> {
  const body = await readAll(asked).catch(() => undefined)
  if (body === undefined) return void answer.destroy()
  for (const instance of order) {
    const said = (moment: Passing['moment']) => watch({ ...callOf(asked), instance, moment })
    const there = await dial(ports[instance]!)
    if (there === undefined) continue
    said('asked')
    const given = await ask(there, asked, body)
    if (given === undefined) break
    said('answered')
    return giveBack(given, answer)
  }
  sayNobody(answer)
}

const callOf = ({ method = '', url = '' }: IncomingMessage) => ({ method, target: url })

/** Over a connection of its own, so that none is closed under a request that is on its way. */
function ask(
  there: Socket,
  { method, url, headers, socket }: IncomingMessage,
  body: Buffer,
): Promise<IncomingMessage | undefined> {
  return new Promise((resolve) => {
    const own = { ...withoutConnection(forwarded(headers, socket)), connection: 'close' }
    const asking = request({ method, path: url, headers: own, createConnection: () => there }, resolve)
    asking.on('error', () => resolve(undefined))
    asking.end(body)
  })
}

function giveBack(given: IncomingMessage, answer: ServerResponse): void {
  answer.writeHead(given.statusCode ?? 502, withoutConnection(given.headers))
  given.pipe(answer)
  given.once('error', () => answer.destroy())
}

type Upgrade = { readonly asked: IncomingMessage; readonly socket: Duplex; readonly head: Buffer }

async function passUp(
  { asked, socket, head }: Upgrade,
  order: readonly number[],
  { ports, watch, open }: Instances & { readonly open: Set<Duplex> },
): Promise<void> {
  for (const instance of order) {
    const there = await dial(ports[instance]!)
    if (there === undefined) continue
    watch({ ...callOf(asked), instance, moment: 'asked' })
    keep(open, there)
    there.write(headOf(asked))
    there.write(head)
    for (const [from, to] of [
      [socket, there],
      [there, socket],
    ] as const) {
      from.pipe(to)
      from.once('error', () => to.destroy())
      from.once('close', () => to.destroy())
    }
    return
  }
  socket.end(`HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\ncontent-length: ${NOBODY.length}\r\n\r\n${NOBODY}`)
}

function dial(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const there = connect({ host: HOST, port, noDelay: true })
    there.once('connect', () => resolve(there)).once('error', () => resolve(undefined))
  })
}

function headOf({ method, url, headers, socket }: IncomingMessage): string {
  const lines = Object.entries(forwarded(headers, socket)).flatMap(([name, value]) =>
    [value ?? []].flat().map((one) => `${name}: ${one}`),
  )
  return `${method} ${url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

/** The caller's address comes last, as Cloud Run appends it. */
function forwarded(headers: IncomingHttpHeaders, { remoteAddress = '' }: Socket): IncomingHttpHeaders {
  const before = [headers['x-forwarded-for'] ?? []].flat()
  return { ...headers, 'x-forwarded-for': [...before, remoteAddress].join(', ') }
}

/** These are between the instance and us. */
function withoutConnection(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const own = new Set(['connection', 'keep-alive', 'transfer-encoding'])
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !own.has(name)))
}

function sayNobody(answer: ServerResponse): void {
  if (answer.headersSent) return void answer.destroy()
  answer.writeHead(502, { 'content-type': 'text/plain' }).end(NOBODY)
}

async function readAll(asked: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of asked as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw new RangeError('the body is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
