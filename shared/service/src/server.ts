import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { Drain } from './drain.ts'
import type { Handler } from './http.ts'

/** A server that listens. */
export type Serving = {
  readonly server: Server
  readonly port: number
  /** Takes no new connection, lets running requests end, closes idle connections. */
  readonly close: () => Promise<void>
  /** Cuts what is still open. */
  readonly cut: () => void
}

/** A request that is not here by then is cut: it costs a socket and proves nothing. */
const HEADERS_MS = 5_000
const REQUEST_MS = 20_000
const IDLE_MS = 65_000
const MAX_HEADER_BYTES = 16_384
const MAX_CONNECTIONS = 2_000

/**
 * Listens with bounds on everything a stranger can make us wait for.
 *
 * @param options.name for messages: `duo-node`
 * @param options.connections at a time; more are cut at once
 * @throws if the port is taken, naming service, port and host
 */
export async function listen(
  handler: Handler,
  options: { readonly name: string; readonly host: string; readonly port: number; readonly connections?: number },
): Promise<Serving> {
  const limits = { headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: 1_000 }
  const server = createServer({ ...limits, maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: IDLE_MS }, (req, res) => {
    // a connection that was busy when the server closed would be kept alive after its answer
    res.once('close', () => setImmediate(() => closeIdle(server)))
    void handler(req, res)
  })
  server.maxConnections = options.connections ?? MAX_CONNECTIONS
  server.listen(options.port, options.host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new Error(`${options.name} cannot listen on ${options.host}:${options.port}`, { cause })
  }
  const address = server.address()
  return {
    server,
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: () => closed(server),
    cut: () => server.closeAllConnections(),
  }
}

/** How long the last answers may take to leave once nothing runs any more. */
const FLUSH_MS = 500

/** Takes no new connection, lets what runs finish for at most `graceMs`, and cuts what never asked anything. */
export async function closeAfter({ close, cut }: Serving, drain: Drain, graceMs: number): Promise<void> {
  const gone = close()
  await drain.drain(graceMs)
  await Promise.race([gone, setTimeout(FLUSH_MS, undefined, { ref: false })])
  cut()
  await gone
}

function closeIdle(server: Server): void {
  if (!server.listening) server.closeIdleConnections()
}

async function closed(server: Server): Promise<void> {
  const gone = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  await gone
}
