import http, { type RequestListener } from 'node:http'

/** A request that is not here by then is cut: it costs a socket and proves nothing. */
const HEADERS_MS = 5_000
const REQUEST_MS = 20_000
const MAX_HEADER_BYTES = 16_384
const MAX_CONNECTIONS = 2_000

let bounded = false

/**
 * Bounds the server that the Functions Framework makes once it has loaded our entry. It has no setting for the address
 * (every interface), for how long a stranger may take (for ever), or for its body parsers, which take a gigabyte before
 * they call us and answer bad JSON with a stack. The first call counts.
 */
export function boundServers(host: string): void {
  if (bounded) return
  bounded = true
  const create = http.createServer
  const bounds = { headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, maxHeaderSize: MAX_HEADER_BYTES }
  http.createServer = ((serve: RequestListener) => {
    const server = create(bounds, hideContentType(serve))
    server.maxConnections = MAX_CONNECTIONS
    const listen = server.listen.bind(server)
    const listenThere = (port: number | string, ready?: () => void) => listen(Number(port), host, ready)
    server.listen = listenThere as typeof server.listen
    return server
  }) as typeof http.createServer
}

/** Without a content type none of the framework's parsers reads the body; ours takes JSON and nothing else anyway. */
function hideContentType(serve: RequestListener): RequestListener {
  return (req, res) => {
    delete req.headers['content-type']
    serve(req, res)
  }
}
