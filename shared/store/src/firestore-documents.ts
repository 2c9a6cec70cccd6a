import { randomBytes } from 'node:crypto'
import { TTL_FIELD } from './collections.ts'
import { checkWrite, MAX_DOCUMENT_BYTES } from './data.ts'
import type { Api, ProtoDocument, ProtoWrite, Timestamp } from './firestore-api.ts'
import { StoreError } from './errors.ts'
import { decodeId, encodeId } from './firestore-id.ts'
import { decodeFields, decodeTime, encodeFields, encodeTime, type ProtoFields, timeText } from './firestore-value.ts'
import type { Data, Doc, Ref, Version, WriteOptions } from './types.ts'

/**
 * A document in Firestore:
 *
 *     data      map        what the caller stores
 *     expireAt  timestamp  if it expires; a TTL policy erases it some time later
 *     stamp     8 bytes    random: Firestore gives no new update time to a write that changes nothing
 *
 * No field is indexed. Source: docs/spec/storage.md, 8.5.
 */
const STAMP_BYTES = 8

/** Firestore counts a document's name and our two fields too, and allows one field 89 bytes less than a document. */
const OVERHEAD_BYTES = 256

/** What a write replaces: nothing, or the document as it was last updated at that time. */
export type Precondition = { readonly exists: false } | { readonly updateTime: Timestamp }

/** A document, expired or not. */
export type Found = {
  /** with the root of its database */
  readonly path: string
  readonly fields: ProtoFields
  readonly updateTime: Timestamp
  readonly expireAt: number | undefined
}

/** What a document shall hold, copied from the caller. */
export type Content = { readonly fields: ProtoFields; readonly expireAt: number | undefined }

/** The name of a document under the root of its database. */
export const pathOf = (root: string, { collection, id }: Ref) => `${root}/${collection}/${encodeId(id)}`

/**
 * @throws {TypeError} for what no document can hold
 * @throws {RangeError} for more than fits into one of Firestore's
 */
export function contentOf(ref: Ref, data: Data, { expireAt }: WriteOptions): Content {
  const size = checkWrite(data, { expireAt }) + Buffer.byteLength(pathOf('', ref)) + OVERHEAD_BYTES
  if (size > MAX_DOCUMENT_BYTES)
    throw new RangeError(`with its name a document has at most ${MAX_DOCUMENT_BYTES} bytes`)
  return { fields: { data: { mapValue: { fields: encodeFields(data) } }, ...expiry(expireAt) }, expireAt }
}

function expiry(expireAt: number | undefined) {
  return expireAt === undefined ? {} : { [TTL_FIELD]: { timestampValue: encodeTime(expireAt) } }
}

export function putWrite(name: string, { fields }: Content, currentDocument: Precondition): ProtoWrite {
  const stamp = { bytesValue: randomBytes(STAMP_BYTES) }
  return { update: { name, fields: { ...fields, stamp } }, currentDocument }
}

export function deleteWrite(name: string, currentDocument?: Precondition): ProtoWrite {
  return { delete: name, ...(currentDocument && { currentDocument }) }
}

/** @throws {StoreError} UNAVAILABLE for a document of another program */
export function foundIn({ name, fields, updateTime }: ProtoDocument): Found {
  if (!name || !updateTime || !fields?.['stamp']) throw new StoreError('UNAVAILABLE', 'a document of another program')
  const time = fields[TTL_FIELD]?.timestampValue
  return { path: name, fields, updateTime, expireAt: time ? decodeTime(time) : undefined }
}

/** @returns also a document that has expired */
export async function find(api: Api, ref: Ref): Promise<Found | undefined> {
  const [document] = await api.read([pathOf(api.root, ref)])
  return document && foundIn(document)
}

/** A copy of its own for every caller. */
export function docOf<T extends Data>({ path, fields, updateTime, expireAt }: Found): Doc<T> {
  const data = decodeFields(fields['data']?.mapValue?.fields ?? {}) as T
  return { id: idOf(path), data, version: versionOf(updateTime, expireAt), expireAt }
}

export const idOf = (path: string) => decodeId(path.slice(path.lastIndexOf('/') + 1))

export const lives = (found: Found | undefined, now: number): found is Found =>
  found !== undefined && (found.expireAt === undefined || found.expireAt > now)

/** As it was found, alive or not, so shall it be when it is replaced. */
export const unchanged = (found: Found | undefined): Precondition =>
  found === undefined ? { exists: false } : { updateTime: found.updateTime }

/** A version says when it was written, and when it dies: so an update of an expired one needs no read to be refused. */
export function versionOf(updateTime: Timestamp, expireAt: number | undefined): Version {
  return `${timeText(updateTime)}${expireAt === undefined ? '' : `/${expireAt}`}` as Version
}

/** @returns undefined for what {@link versionOf} did not write: no document is at such a version */
export function parseVersion(
  version: Version,
): { readonly updateTime: Timestamp; readonly expireAt: number } | undefined {
  const [, seconds, nanos, expireAt] = /^(\d+)\.(\d+)(?:\/(-?\d+))?$/.exec(version) ?? []
  if (seconds === undefined) return undefined
  return { updateTime: { seconds, nanos: Number(nanos) }, expireAt: Number(expireAt ?? Number.POSITIVE_INFINITY) }
}
