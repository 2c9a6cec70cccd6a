import type { IncomingMessage } from 'node:http'
import { type ErrorCode, type TicketOperation, ticketOperation } from '@tandem/wire'

/** Of a dialogue that has the socket to itself. */
export const SUBPROTOCOL = 'tandem.v1'

/** Who may knock, judged from the request line and the headers alone. */
export type GateRules = {
  /** names in `Host`, without port: a page that rebinds its name to our address has another */
  readonly hosts: readonly string[]
  /** values of `Origin`; a request without one (an app, not a page) passes */
  readonly origins: readonly string[]
  /** proxies of ours in front: how many entries of X-Forwarded-For, from the right, we wrote ourselves */
  readonly proxies: number
}

export type Judgement = { readonly operation: TicketOperation } | { readonly refusal: ErrorCode }

/** Whether this request may become a WebSocket of this subprotocol, and of which operation. */
export function judge(request: IncomingMessage, rules: GateRules, subprotocol: string = SUBPROTOCOL): Judgement {
  const host = (request.headers.host ?? '').toLowerCase().replace(/:[0-9]{1,5}$/, '')
  if (!rules.hosts.includes(host)) return { refusal: 'FORBIDDEN' }
  const { origin } = request.headers
  if (origin !== undefined && !rules.origins.includes(origin)) return { refusal: 'FORBIDDEN' }
  const operation = ticketOperation.safeParse(/^\/v1\/([a-z]+)$/.exec(request.url ?? '')?.[1])
  if (!operation.success) return { refusal: 'NOT_FOUND' }
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  if (!offered.includes(subprotocol)) return { refusal: 'VALIDATION_FAILED' }
  return { operation: operation.data }
}

/** The address the caller cannot choose: our own proxy's entry, or the socket's peer. */
export function callerAddress(request: IncomingMessage, { proxies }: GateRules): string {
  const hops = [request.headers['x-forwarded-for'] ?? []].flat().join(',').split(',')
  const written = proxies > 0 ? hops.at(-proxies)?.trim() : undefined
  return written || (request.socket.remoteAddress ?? 'unknown')
}
