import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { GATEWAY_DEADLINES, type GatewayConfig } from '../../sigpair/src/gateway/config.ts'
import { startGateway } from '../../sigpair/src/gateway/start.ts'

/** An internal call, as a member got it. */
export type Heard = {
  readonly method: string
  readonly target: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What a member says to a call; `cut`: it is gone; undefined: nothing, ever. */
export type Reply = { readonly status: number; readonly body: object } | 'cut' | undefined

/** Something that listens where a member does, and does what a test wants. */
export type StubMember = {
  readonly url: string
  readonly calls: Heard[]
  /** every socket that was opened, with the headers it came with */
  readonly sockets: { readonly ws: WebSocket; readonly headers: IncomingHttpHeaders; readonly path: string }[]
  /** said to internal calls */
  reply: (call: Heard) => Reply | Promise<Reply>
  /** done with a new socket */
  greet: (ws: WebSocket) => void
  /** instead of taking an upgrade; undefined: nothing, ever */
  refuse: (() => Exclude<Reply, 'cut'>) | false
  readonly close: () => Promise<void>
}

export async function stubMember(): Promise<StubMember> {
  const server = createServer()
  const hung = new Set<Duplex>()
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'tandem.v1', maxPayload: 65_535 })
  const member: Omit<StubMember, 'url' | 'close'> = {
    calls: [],
    sockets: [],
    reply: () => ({ status: 200, body: {} }),
    greet: () => undefined,
    refuse: false,
  }
  server.on('request', (request, response) => {
    void serve(member, request, response)
  })
  server.on('upgrade', (request, stream, head) => {
    stream.on('error', () => stream.destroy())
    if (member.refuse !== false) {
      hung.add(stream)
      const reply = member.refuse()
      const body = JSON.stringify(reply?.body ?? {})
      if (reply) stream.end(`HTTP/1.1 ${reply.status} No\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
      return
    }
    sockets.handleUpgrade(request, stream, head, (ws) => {
      member.sockets.push({ ws, headers: request.headers, path: request.url ?? '' })
      member.greet(ws)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = async () => {
    for (const { ws } of member.sockets) ws.terminate()
    for (const stream of hung) stream.destroy()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return Object.assign(member, { url, close })
}

async function serve(member: Omit<StubMember, 'url' | 'close'>, request: IncomingMessage, response: ServerResponse) {
  const { method = '', url: target = '', headers } = request
  const body = Buffer.concat(await request.toArray()).toString()
  const isProbe = target.startsWith('/health/')
  const call = { method, target, headers, body }
  if (!isProbe) member.calls.push(call)
  const reply = isProbe ? { status: 200, body: {} } : await member.reply(call)
  if (reply === 'cut') response.destroy()
  else if (reply) response.writeHead(reply.status).end(JSON.stringify(reply.body))
}

export type TestGateway = {
  readonly url: string
  readonly internalUrl: string
  readonly close: () => Promise<void>
}

/** A gateway in this process before these members; 2 of them sign. */
export async function startTestGateway(
  members: readonly Pick<StubMember, 'url'>[],
  { deadlines, bounds }: { readonly deadlines?: object; readonly bounds?: object } = {},
): Promise<TestGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-gateway-'))
  const config: GatewayConfig = {
    ...{ role: 'both', host: '127.0.0.1', port: 0, internalHost: '127.0.0.1', internalPort: 0 },
    ...{ hosts: ['127.0.0.1'], origins: [], proxies: 0, logLevel: 'silent' },
    members: members.map(({ url }, at) => ({
      url: url.replace('http', 'ws'),
      internalUrl: url,
      identity: keyOf(at + 1),
      publicKey: keyOf(0x80 + at + 1),
    })),
    threshold: 2,
    signingKeyFile: join(folder, 'gateway.jwk'),
    keysAreMounted: false,
    bounds: { sockets: 8, perAddress: 8, pingMs: 30_000, ...bounds },
    deadlines: { ...GATEWAY_DEADLINES, drainMs: 0, patienceMs: 50, ...deadlines },
  }
  const gateway = await startGateway(config)
  const close = async () => {
    await gateway.close()
    rmSync(folder, { recursive: true })
  }
  return { url: gateway.url ?? '', internalUrl: gateway.internalUrl ?? '', close }
}

/** 32 times the same byte, as 0x-hex. */
export const keyOf = (byte: number): string => `0x${byte.toString(16).padStart(2, '0').repeat(32)}`
