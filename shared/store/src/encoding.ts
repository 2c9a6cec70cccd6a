import { isPlainObject } from './data.ts'
import type { Data, Value } from './types.ts'

/**
 * A document as JSON text: fields in code-unit order, bytes as `{"$bytes": base64}`, and a field of the document that
 * starts with `$` with one more `$` in front. One text for one document.
 */
const BYTES = '$bytes'

/** `data` has passed {@link checkWrite}. */
export function encodeData(data: Data): string {
  return JSON.stringify(toJson(data))
}

/** @throws {SyntaxError} for text that {@link encodeData} did not write */
export function decodeData(text: string): Data {
  const value = fromJson(JSON.parse(text))
  if (!isPlainObject(value)) throw new SyntaxError('not a document')
  return value
}

function toJson(value: Value): unknown {
  if (value instanceof Uint8Array) return { [BYTES]: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return value.map(toJson)
  if (!isPlainObject(value)) return value
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(fields.flatMap(([name, v]) => (v === undefined ? [] : [[escape(name), toJson(v)]])))
}

function fromJson(json: unknown): Value {
  if (Array.isArray(json)) return json.map(fromJson)
  if (!isPlainObject(json)) return json as null | boolean | number | string
  const bytes = json[BYTES]
  if (typeof bytes === 'string') return new Uint8Array(Buffer.from(bytes, 'base64'))
  return Object.fromEntries(Object.entries(json).map(([name, v]) => [unescape(name), fromJson(v)]))
}

const escape = (name: string) => (name.startsWith('$') ? `$${name}` : name)
const unescape = (name: string) => (name.startsWith('$') ? name.slice(1) : name)
