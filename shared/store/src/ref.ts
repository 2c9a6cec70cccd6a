import type { Data, ListQuery, Ref } from './types.ts'

/** Firestore names take 1500 bytes of UTF-8; a UTF-16 unit is at most three. */
export const MAX_ID_LENGTH = 500

/** The greatest code point: an id without it sorts below any of its prefixes followed by it. */
export const LAST_CODE_POINT = '\u{10FFFF}'

/**
 * Names a document.
 *
 * @param collection letters, digits, `-` and `_`, starting with a letter, at most 100
 * @param id any text of 1…{@link MAX_ID_LENGTH} UTF-16 units, well formed, without NUL and U+10FFFF
 * @throws {TypeError} for any other
 */
export function ref<T extends Data = Data>(collection: string, id: string): Ref<T> {
  checkCollection(collection)
  if (id.length < 1 || id.length > MAX_ID_LENGTH) throw new TypeError(`an id has 1…${MAX_ID_LENGTH} characters`)
  checkIdText(id)
  return { collection, id }
}

/** For error messages: names are no secret, content is. */
export const nameOf = (ref: Ref) => `${ref.collection}/${ref.id}`

const MAX_PAGE = 1_000

/** With {@link LAST_CODE_POINT} behind it, it is still a name to Firestore. */
const MAX_PREFIX_LENGTH = MAX_ID_LENGTH - 2

/**
 * @throws {TypeError} for a name that no engine would take, or a text that no id could begin with
 * @throws {RangeError} unless the limit is 1…{@link MAX_PAGE}
 */
export function checkQuery(collection: string, { limit, prefix = '', after = '' }: ListQuery): void {
  checkCollection(collection)
  checkIdText(prefix)
  checkIdText(after)
  if (prefix.length > MAX_PREFIX_LENGTH || after.length > MAX_ID_LENGTH) throw new TypeError('longer than an id')
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) throw new RangeError(`limit is 1…${MAX_PAGE}`)
}

/** @throws {TypeError} for a name no engine would take */
function checkCollection(collection: string): void {
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,99}$/.test(collection)) throw new TypeError('not a collection name')
}

/** @throws {TypeError} for text that would not come back as it went in, or that breaks the order of ids */
function checkIdText(text: string): void {
  if (!text.isWellFormed() || text.includes('\0') || text.includes(LAST_CODE_POINT)) throw new TypeError('not an id')
}
