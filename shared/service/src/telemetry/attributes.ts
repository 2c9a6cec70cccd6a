import { DATABASES } from '@tandem/store'
import { FRAME_PROTOCOLS, isErrorCode, isOperation, ticketOperation } from '@tandem/wire'

type Value = string | number | boolean

const oneOf = (words: readonly string[]) => {
  const known = new Set(words)
  return (value: Value) => typeof value === 'string' && known.has(value)
}

const matching = (pattern: RegExp) => (value: Value) => typeof value === 'string' && pattern.test(value)

const whole = (least: number, most: number) => (value: Value) =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most

/** A template of ours: words and names of parameters, never a parameter's value. */
const ROUTE = /^(\/(:[A-Za-z]{1,24}|[a-z0-9][a-z0-9-]{0,23}))+$/

const COLLECTIONS = Object.values(DATABASES).flatMap(({ collections }) => collections)

/**
 * Everything a span, an event of one, or a metric may say, and which values: words of this source, numbers with bounds. There
 * is no name here under which an id, an address, an amount or a text of anybody's would fit; what is not here is dropped.
 * Names are OpenTelemetry's semantic conventions where there are some. Source: docs/deploy/observability.md, section 2.
 */
export const ATTRIBUTES = {
  'http.request.method': oneOf(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']),
  'http.route': matching(ROUTE),
  'http.response.status_code': whole(100, 599),
  'error.type': (value: Value) => isErrorCode(value) || oneOf(['NO_ANSWER', 'SOCKET_LOST', 'STORE'])(value),
  'network.protocol.name': oneOf(['websocket']),
  'rpc.system.name': oneOf(['grpc', 'socket.io']),
  'rpc.method': matching(/^google\.cloud\.kms\.v1\.KeyManagementService\/[A-Z][A-Za-z]{1,31}$/),
  'db.system.name': oneOf(['sqlite', 'gcp.firestore']),
  'db.namespace': oneOf(Object.keys(DATABASES)),
  'db.operation.name': oneOf(['get', 'create', 'update', 'delete', 'transaction', 'list', 'sweep']),
  'db.collection.name': oneOf(COLLECTIONS),
  'tandem.operation': (value: Value) => typeof value === 'string' && isOperation(value),
  'tandem.dialogue': oneOf(ticketOperation.options),
  'tandem.protocol': oneOf(Object.keys(FRAME_PROTOCOLS)),
  'tandem.round': whole(0, 255),
  'tandem.party': oneOf(['device', 'sigpair']),
  'tandem.code': (value: Value) => value === 'OK' || isErrorCode(value),
  // the closed list AbortCode of rounds, which this package does not know
  'tandem.abort': matching(/^[A-Z][A-Z_]{2,23}$/),
  'tandem.verdict': oneOf(['retry', 'strike', 'ban']),
  'tandem.signing': oneOf(['presigned', 'dialogue']),
  'tandem.stock': oneOf(['made', 'taken', 'dropped']),
  'tandem.webhook': oneOf(['delivered', 'refused', 'dead']),
} as const satisfies Record<string, (value: Value) => boolean>

export type AttributeName = keyof typeof ATTRIBUTES

export type Attributes = { readonly [Name in AttributeName]?: Value | undefined }

/** What of `given` may leave the process. Types hold to the names; this holds to the values too, wherever they came from. */
export function allowed(given: Attributes): Record<string, Value> {
  const kept = Object.entries(given).filter(([name, value]) => isAllowed(name, value))
  return Object.fromEntries(kept) as Record<string, Value>
}

function isAllowed(name: string, value: unknown): boolean {
  if (!Object.hasOwn(ATTRIBUTES, name)) return false
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return false
  return ATTRIBUTES[name as AttributeName](value)
}
