import { canonicalJson, fromUtf8, utf8 } from './canonical.ts'
import { WireError } from './errors.ts'
import { MAX_NODES, MAX_SOCKET_PAYLOAD } from './limits.ts'

/** index ‖ type */
export const MUX_HEADER_BYTES = 2

/** A WebSocket takes no longer reason in a close frame (RFC 6455, 5.5.1). */
export const MAX_REASON_BYTES = 123

const GATEWAY = 0
const DATA = 0
const CLOSE = 1

/**
 * One message of the socket between device and gateway.
 *
 *     offset  bytes  field
 *     0       1      index, a member 1..31; 0 only in the gateway's first message
 *     1       1      type: 0 data, 1 close
 *     2       rest   data: one message of the dialogue with this member, at most MAX_SOCKET_PAYLOAD, not empty;
 *                    close: close code (LE16, 1000..4999) ‖ reason (UTF-8, at most 123 bytes);
 *                    of index 0, type 0: canonical JSON `{"nodes":[…]}`, ascending
 *
 * Source: docs/spec/gateway.md 2.1.
 */
export type MuxMessage =
  | { readonly type: 'nodes'; readonly nodes: readonly number[] }
  | { readonly type: 'data'; readonly index: number; readonly payload: Uint8Array }
  | { readonly type: 'close'; readonly index: number; readonly code: number; readonly reason: string }

/** @throws {RangeError} for a message that {@link decodeMux} would refuse: our own mistake, never a peer's */
export function encodeMux(message: MuxMessage): Uint8Array {
  if (message.type === 'nodes') return encoded(GATEWAY, DATA, nodesText(message.nodes))
  const { index } = message
  if (!isNode(index)) throw new RangeError(`no member has the index ${index}`)
  if (message.type === 'close') return encoded(index, CLOSE, closeBody(message.code, message.reason))
  const { length } = message.payload
  if (length === 0 || length > MAX_SOCKET_PAYLOAD) throw new RangeError(`a message of ${length} bytes`)
  return encoded(index, DATA, message.payload)
}

/**
 * The one message these bytes encode; a payload is a copy.
 *
 * @throws {WireError} `FRAME_TOO_LARGE` before anything is copied, `FRAME_INVALID` for every other fault
 */
export function decodeMux(bytes: Uint8Array): MuxMessage {
  if (bytes.length > MUX_HEADER_BYTES + MAX_SOCKET_PAYLOAD) throw new WireError('FRAME_TOO_LARGE')
  if (bytes.length <= MUX_HEADER_BYTES) throw new WireError('FRAME_INVALID', 'length')
  const [index = GATEWAY, type] = bytes
  const payload = bytes.slice(MUX_HEADER_BYTES)
  if (index === GATEWAY && type === DATA) return { type: 'nodes', nodes: readNodes(payload) }
  if (!isNode(index)) throw new WireError('FRAME_INVALID', 'index')
  if (type === DATA) return { type: 'data', index, payload }
  if (type === CLOSE) return { type: 'close', index, ...readClose(payload) }
  throw new WireError('FRAME_INVALID', 'type')
}

function encoded(index: number, type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(MUX_HEADER_BYTES + payload.length)
  bytes.set([index, type])
  bytes.set(payload, MUX_HEADER_BYTES)
  return bytes
}

function nodesText(nodes: readonly number[]): Uint8Array {
  if (!areAscending(nodes)) throw new RangeError('members are named once, in ascending order')
  return utf8(canonicalJson({ nodes }))
}

/** There is one text for one list: whatever else the JSON might hold is not canonical. */
function readNodes(payload: Uint8Array): readonly number[] {
  const text = attempt(() => fromUtf8(payload), 'nodes')
  const value = attempt((): unknown => JSON.parse(text), 'nodes')
  const nodes = typeof value === 'object' && value !== null && 'nodes' in value ? value.nodes : undefined
  const sound = areAscending(nodes) && canonicalJson({ nodes }) === text
  if (!sound) throw new WireError('FRAME_INVALID', 'nodes')
  return nodes
}

function closeBody(code: number, reason: string): Uint8Array {
  const text = utf8(reason)
  if (!isCloseCode(code) || text.length > MAX_REASON_BYTES) throw new RangeError('not the end of a dialogue')
  const body = new Uint8Array(2 + text.length)
  new DataView(body.buffer).setUint16(0, code, true)
  body.set(text, 2)
  return body
}

function readClose(payload: Uint8Array): { readonly code: number; readonly reason: string } {
  if (payload.length < 2 || payload.length > 2 + MAX_REASON_BYTES) throw new WireError('FRAME_INVALID', 'close')
  const code = new DataView(payload.buffer).getUint16(0, true)
  if (!isCloseCode(code)) throw new WireError('FRAME_INVALID', 'close')
  return { code, reason: attempt(() => fromUtf8(payload.subarray(2)), 'close') }
}

function attempt<T>(read: () => T, field: string): T {
  try {
    return read()
  } catch (cause) {
    throw new WireError('FRAME_INVALID', field, { cause })
  }
}

function areAscending(nodes: unknown): nodes is readonly number[] {
  if (!Array.isArray(nodes) || nodes.length > MAX_NODES) return false
  return nodes.every((one, at) => isNode(one) && (at === 0 || one > (nodes as readonly number[])[at - 1]!))
}

function isNode(index: unknown): boolean {
  return typeof index === 'number' && Number.isInteger(index) && index >= 1 && index <= MAX_NODES
}

function isCloseCode(code: number): boolean {
  return Number.isInteger(code) && code >= 1_000 && code <= 4_999
}
