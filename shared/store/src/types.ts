/** What a document may hold: JSON, and bytes. No list directly inside a list (Firestore has none). */
export type Value =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [field: string]: Value | undefined }

/** A document. A field that is undefined is not stored. */
export type Data = { readonly [field: string]: Value | undefined }

declare const document: unique symbol
declare const brand: unique symbol

/** Names one document; `T` is what its writers put there. Made by {@link ref}. */
export type Ref<T extends Data = Data> = {
  readonly collection: string
  readonly id: string
  readonly [document]?: T
}

/** One state of one document. It never returns, not even when the document is deleted and created again. */
export type Version = string & { readonly [brand]: 'Version' }

export type Doc<T extends Data = Data> = {
  readonly id: string
  readonly data: T
  readonly version: Version
  /** ms since the epoch; from then on the document is absent */
  readonly expireAt: number | undefined
}

export type WriteOptions = {
  /** ms since the epoch; without it the document does not expire, whatever the one it replaces did */
  readonly expireAt?: number | undefined
}

export type Page<T extends Data = Data> = {
  /** ordered by the UTF-8 bytes of the id */
  readonly docs: readonly Doc<T>[]
  /** pass as `after` for the next page; undefined on the last */
  readonly next: string | undefined
}

/** The documents whose id starts with `prefix` and sorts behind `after`. */
export type ListQuery = {
  /** 1…1000 */
  readonly limit: number
  /** at most 498 UTF-16 units */
  readonly prefix?: string
  readonly after?: string
}

/**
 * All or nothing. Reads come first, then writes; a transaction whose reads were overtaken runs again from the start, so
 * `fn` must have no effect outside. Writes reach the store when `fn` has returned.
 */
export type Transaction = {
  /** @throws {TypeError} after a write */
  readonly get: <T extends Data>(ref: Ref<T>) => Promise<Doc<T> | undefined>
  /** EXISTS at the commit, if the document lives */
  readonly create: <T extends Data>(ref: Ref<T>, data: T, options?: WriteOptions) => void
  /** replaces the whole document; MISSING at the commit, if there is none */
  readonly update: <T extends Data>(ref: Ref<T>, data: T, options?: WriteOptions) => void
  readonly delete: (ref: Ref) => void
}

/**
 * Documents by collection and id, on SQLite or Firestore. What a resolved promise wrote is durable. An expired document
 * is absent to every call. Data is copied in and out.
 *
 * @throws {StoreError} the codes named at each call, and UNAVAILABLE from any
 * @throws {TypeError} for a document that is not {@link Data}; {RangeError} for one above {@link MAX_DOCUMENT_BYTES}
 *
 * Source: docs/spec/storage.md, 1.3, 1.4 and 8.
 */
export type Store = {
  readonly get: <T extends Data>(ref: Ref<T>) => Promise<Doc<T> | undefined>
  /** EXISTS if the document lives */
  readonly create: <T extends Data>(ref: Ref<T>, data: T, options?: WriteOptions) => Promise<Version>
  /** Replaces the whole document. MISSING if there is none, CONFLICT if it is not at `ifVersion`. */
  readonly update: <T extends Data>(
    ref: Ref<T>,
    data: T,
    options: WriteOptions & { readonly ifVersion: Version },
  ) => Promise<Version>
  /** CONFLICT if `ifVersion` is given and the document is not there or not at it; else absent is as good as deleted. */
  readonly delete: (ref: Ref, options?: { readonly ifVersion?: Version }) => Promise<void>
  /** CONFLICT after `maxAttempts` (10) overtaken attempts */
  readonly transaction: <R>(
    fn: (tx: Transaction) => Promise<R>,
    options?: { readonly maxAttempts?: number },
  ) => Promise<R>
  /** For jobs, never inside a transaction. */
  readonly list: <T extends Data = Data>(collection: string, query: ListQuery) => Promise<Page<T>>
  /** Erases up to `limit` expired documents; answers how many. Correctness never depends on it. */
  readonly sweep: (limit?: number) => Promise<number>
  readonly close: () => Promise<void>
}
