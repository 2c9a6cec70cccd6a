import type { Data, Value, WriteOptions } from './types.ts'

/** Firestore's limit; both engines keep to it, so that what fits one fits the other. */
export const MAX_DOCUMENT_BYTES = 1_048_576

/** Firestore's limit on maps and lists inside each other. */
const MAX_DEPTH = 20

/** The years 1…9999, in ms since 1970: what a Firestore timestamp can say. */
const TIMES = { min: -62_135_596_800_000, max: 253_402_300_799_999 }

/**
 * Refuses what one of the engines could not give back unchanged.
 *
 * @returns the size of `data` in bytes, as Firestore counts them
 * @throws {TypeError} naming the field, for anything but {@link Data}, or for an `expireAt` that is no time
 * @throws {RangeError} above {@link MAX_DOCUMENT_BYTES}
 */
export function checkWrite(data: Data, { expireAt }: WriteOptions): number {
  if (!isPlainObject(data)) throw new TypeError('a document is a plain object')
  if (expireAt !== undefined && !isTime(expireAt)) throw new TypeError('expireAt is ms since the epoch')
  const size = sizeOf(data, '', 0)
  if (size > MAX_DOCUMENT_BYTES) throw new RangeError(`a document has at most ${MAX_DOCUMENT_BYTES} bytes`)
  return size
}

const isTime = (ms: number) => Number.isSafeInteger(ms) && ms >= TIMES.min && ms <= TIMES.max

/** Bytes as Firestore counts them, checking on the way. */
function sizeOf(value: unknown, at: string, depth: number): number {
  if (depth > MAX_DEPTH) throw new TypeError(`${at}: more than ${MAX_DEPTH} levels`)
  if (value === null || typeof value === 'boolean') return 1
  if (typeof value === 'number' && Number.isFinite(value)) return 8
  if (typeof value === 'string' && value.isWellFormed()) return Buffer.byteLength(value) + 1
  if (value instanceof Uint8Array) return value.length
  if (Array.isArray(value)) return sizeOfList(value, at, depth)
  if (isPlainObject(value)) return sizeOfFields(value, at, depth)
  throw new TypeError(`${at}: a document cannot hold this ${typeof value}`)
}

function sizeOfList(list: readonly unknown[], at: string, depth: number): number {
  let size = 0
  for (const [i, item] of list.entries()) {
    if (Array.isArray(item)) throw new TypeError(`${at}[${i}]: a list directly inside a list`)
    size += sizeOf(item, `${at}[${i}]`, depth + 1)
  }
  return size
}

function sizeOfFields(fields: Record<string, unknown>, at: string, depth: number): number {
  let size = 0
  for (const [name, value] of Object.entries(fields)) {
    // Firestore reserves __names__; this also keeps __proto__ out
    if (name === '' || !name.isWellFormed() || /^__.*__$/.test(name)) throw new TypeError(`${at}: field name refused`)
    if (value !== undefined) size += Buffer.byteLength(name) + 1 + sizeOf(value, `${at}.${name}`, depth + 1)
  }
  return size
}

export function isPlainObject(value: unknown): value is Record<string, Value | undefined> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
