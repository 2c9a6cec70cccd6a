import type { Handler } from '@tandem/service'

/** How long a browser may remember a permission, in seconds. */
const MAX_AGE = '600'

const ALLOWED = 'authorization, content-type, idempotency-key, tandem-version, traceparent, x-sign-in-nonce'
const EXPOSED = 'x-request-id, retry-after, ratelimit, ratelimit-policy, tandem-versions'

/**
 * Lets pages of the listed origins call and read the answers. All others get no permission, and `handle` refuses them.
 * Nothing here allows credentials: a token is sent by the page itself, never by the browser.
 */
export function withCors(handler: Handler, origins: readonly string[]): Handler {
  return async (req, res) => {
    const { origin } = req.headers
    if (origin === undefined || !origins.includes(origin)) return handler(req, res)

    res.setHeader('access-control-allow-origin', origin)
    res.setHeader('access-control-expose-headers', EXPOSED)
    res.setHeader('vary', 'origin')
    if (req.method !== 'OPTIONS') return handler(req, res)

    res.writeHead(204, {
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': ALLOWED,
      'access-control-max-age': MAX_AGE,
    })
    res.end()
  }
}
