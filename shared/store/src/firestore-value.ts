import type { protos } from '@google-cloud/firestore-api'
import { isPlainObject } from './data.ts'
import { StoreError } from './errors.ts'
import type { Data, Value } from './types.ts'

type ProtoValue = protos.google.firestore.v1.IValue
type Timestamp = protos.google.protobuf.ITimestamp

export type ProtoFields = { [field: string]: ProtoValue }

/** A copy of `data`, which has passed {@link checkWrite}. */
export function encodeFields(data: Data): ProtoFields {
  const fields = Object.entries(data)
  return Object.fromEntries(fields.flatMap(([name, value]) => (value === undefined ? [] : [[name, encode(value)]])))
}

/** @throws {StoreError} UNAVAILABLE for what {@link encodeFields} does not write */
export function decodeFields(fields: ProtoFields): Data {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, decode(value)]))
}

function encode(value: Value): ProtoValue {
  if (value === null) return { nullValue: 'NULL_VALUE' }
  if (typeof value === 'boolean') return { booleanValue: value }
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { integerValue: value } : { doubleValue: value }
  if (typeof value === 'string') return { stringValue: value }
  if (value instanceof Uint8Array) return { bytesValue: Uint8Array.from(value) }
  if (isPlainObject(value)) return { mapValue: { fields: encodeFields(value) } }
  return { arrayValue: { values: value.map(encode) } }
}

function decode(value: ProtoValue): Value {
  const { booleanValue, integerValue, doubleValue, stringValue, bytesValue, mapValue, arrayValue } = value
  if (has(booleanValue)) return booleanValue
  if (has(integerValue)) return Number(integerValue)
  if (has(doubleValue)) return doubleValue
  if (has(stringValue)) return stringValue
  if (has(mapValue)) return decodeFields(mapValue.fields ?? {})
  if (has(arrayValue)) return (arrayValue.values ?? []).map(decode)
  // A copy of our own: protobuf hands out views into what it received
  if (bytesValue instanceof Uint8Array) return Uint8Array.from(bytesValue)
  if ('nullValue' in value) return null
  throw new StoreError('UNAVAILABLE', 'a document of another program')
}

const has = <T>(value: T | null | undefined): value is T => value !== null && value !== undefined

/** @param ms since 1970, whole, also negative */
export function encodeTime(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1_000)
  return { seconds, nanos: (ms - seconds * 1_000) * 1_000_000 }
}

/** @returns ms since 1970; what {@link encodeTime} wrote has no part of one */
export function decodeTime({ seconds, nanos }: Timestamp): number {
  return Number(seconds ?? 0) * 1_000 + Math.floor((nanos ?? 0) / 1_000_000)
}

/** To the nanosecond, and the same text for the same time. */
export const timeText = ({ seconds, nanos }: Timestamp) => `${Number(seconds ?? 0)}.${nanos ?? 0}`
