import http, { type RequestListener, type Server } from 'node:http'

/** A request that is not here by then is cut: it costs a socket and proves nothing. */
const HEADERS_MS = 5_000
const REQUEST_MS = 20_000
const MAX_HEADER_BYTES = 16_384
const MAX_CONNECTIONS = 2_000

/** Cloud Run ends a process ten seconds after SIGTERM. */
const DRAIN_MS = 8_000

/** For what must still leave when nothing runs any more, such as the last spans. */
const LAST_MS = 1_000

let bounded = false

let lastAct: () => Promise<void> = async () => undefined

/** Is done when the process was told to end and everything is answered; it has a second for that. */
export function beforeEnd(act: () => Promise<void>): void {
  lastAct = act
}

/**
 * Bounds the server that the Functions Framework makes once it has loaded our entry. It has no setting for the address
 * (every interface), for how long a stranger may take (for ever), for its body parsers, which take a gigabyte before they
 * call us and answer bad JSON with a stack, or for what SIGTERM does: it ends at once, and what runs is lost. The first call
 * counts.
 */
export function boundServers(host: string): void {
  if (bounded) return
  bounded = true
  const create = http.createServer
  const bounds = { headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, maxHeaderSize: MAX_HEADER_BYTES }
  http.createServer = ((serve: RequestListener) => {
    const server = create(bounds, hideContentType(serve))
    server.prependListener('request', letGo(server))
    server.maxConnections = MAX_CONNECTIONS
    const listen = server.listen.bind(server)
    const listenThere = (port: number | string, ready?: () => void) =>
      listen(Number(port), host, () => {
        ready?.()
        // after the framework's own, which it installs when it listens
        finishOnTermination(server)
      })
    server.listen = listenThere as typeof server.listen
    return server
  }) as typeof http.createServer
}

/** A connection that was busy when the server closed is not kept alive after its answer. */
function letGo(server: Server): RequestListener {
  return (_, res) => {
    if (!server.listening) res.setHeader('connection', 'close')
    res.once('close', () => setImmediate(() => (server.listening ? undefined : server.closeIdleConnections())))
  }
}

/** Takes no new connection, lets what runs finish for a while, and ends with 0. A second signal ends at once. */
function finishOnTermination(server: Server): void {
  const finish = () => {
    if (!server.listening) process.exit(1)
    server.close(() => void end())
    server.closeIdleConnections()
    setTimeout(() => server.closeAllConnections(), DRAIN_MS)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.removeAllListeners(signal).on(signal, finish)
}

async function end(): Promise<void> {
  setTimeout(() => process.exit(0), LAST_MS)
  await lastAct().catch(() => undefined)
  process.exit(0)
}

/** Without a content type none of the framework's parsers reads the body; ours takes JSON and nothing else anyway. */
function hideContentType(serve: RequestListener): RequestListener {
  return (req, res) => {
    delete req.headers['content-type']
    serve(req, res)
  }
}
