import type { IncomingMessage } from 'node:http'
import {
  type Agreement,
  agree,
  type ErrorCode,
  offeredIn,
  type SocketFamily,
  subprotocolOf,
  type TicketOperation,
  ticketOperation,
  WIRE_VERSIONS,
} from '@tandem/wire'

/** What is spoken here. */
export type Tongue = { readonly family: SocketFamily; readonly versions: readonly number[] }

/** A dialogue that has the socket to itself. */
const ONE_DIALOGUE: Tongue = { family: 'tandem', versions: WIRE_VERSIONS }

/** Who may knock, judged from the request line and the headers alone. */
export type GateRules = {
  /** names in `Host`, without port: a page that rebinds its name to our address has another */
  readonly hosts: readonly string[]
  /** values of `Origin`; a request without one (an app, not a page) passes */
  readonly origins: readonly string[]
  /** proxies of ours in front: how many entries of X-Forwarded-For, from the right, we wrote ourselves */
  readonly proxies: number
}

export type Judgement =
  | { readonly operation: TicketOperation; readonly agreement: Agreement }
  | { readonly refusal: ErrorCode }

/** Whether this request may become a WebSocket, of which operation, and of which version. */
export function judge(request: IncomingMessage, rules: GateRules, tongue: Tongue = ONE_DIALOGUE): Judgement {
  const host = (request.headers.host ?? '').toLowerCase().replace(/:[0-9]{1,5}$/, '')
  if (!rules.hosts.includes(host)) return { refusal: 'FORBIDDEN' }
  const { origin } = request.headers
  if (origin !== undefined && !rules.origins.includes(origin)) return { refusal: 'FORBIDDEN' }
  const operation = ticketOperation.safeParse(/^\/v1\/([a-z]+)$/.exec(request.url ?? '')?.[1])
  if (!operation.success) return { refusal: 'NOT_FOUND' }
  const names = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  const offered = offeredIn(tongue.family, names)
  if (offered.length === 0) return { refusal: 'VALIDATION_FAILED' }
  const agreement = agree(offered, tongue.versions)
  return agreement ? { operation: operation.data, agreement } : { refusal: 'VERSION_UNSUPPORTED' }
}

/** The subprotocol of the answer: the agreed one, or the device's first choice, to tell it there that it is not spoken. */
export function chooseSubprotocol(names: ReadonlySet<string>, { family, versions }: Tongue): string | false {
  const offered = offeredIn(family, [...names])
  const version = agree(offered, versions)?.version ?? offered.at(-1)
  return version === undefined ? false : subprotocolOf(family, version)
}

/** The address the caller cannot choose: our own proxy's entry, or the socket's peer. */
export function callerAddress(request: IncomingMessage, { proxies }: GateRules): string {
  const hops = [request.headers['x-forwarded-for'] ?? []].flat().join(',').split(',')
  const written = proxies > 0 ? hops.at(-proxies)?.trim() : undefined
  return written || (request.socket.remoteAddress ?? 'unknown')
}
