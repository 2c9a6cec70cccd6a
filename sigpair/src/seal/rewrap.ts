import { DATABASES, type Data, type Doc, isStoreError, ref, type Store, type Value } from '@tandem/store'
import { utf8, WireError } from '@tandem/wire'
import type { Sealed } from '../records.ts'
import type { Stores } from '../stores.ts'
import type { Kms } from './kms.ts'
import { reseal, type Seals } from './seal.ts'

/** What one run has found and done. Counts of values, but for `examined`, which counts documents. */
export type Rewrapped = {
  /** the key version that wraps from now on */
  readonly primary: string
  readonly examined: number
  /** wrapped by the primary version before */
  readonly current: number
  readonly rewrapped: number
  /** written by somebody else again and again: for the next run */
  readonly overtaken: number
  /** do not open as what they say they are, or KMS does not answer for their version */
  readonly failed: number
  /** everything was looked at, and all of it is under the primary version now */
  readonly complete: boolean
}

export type RewrapOptions = {
  /** stops once so many values were rewrapped */
  readonly limit?: number
  /** stops before the next page */
  readonly signal?: AbortSignal
  readonly progress?: (done: Omit<Rewrapped, 'complete'> & { readonly collection: string }) => void
  /** hears what did not open: the name of the document, never its content */
  readonly failure?: (document: string, cause: unknown) => void
}

type Deps = Pick<Stores, 'parties' | 'presignatures' | 'sealer'> & { readonly kms: Pick<Kms, 'wrap'> }

const PAGE = 100

/** Documents at once: KMS has a quota, and signing goes first. */
const AT_ONCE = 8

const ATTEMPTS = 5

/** A KMS that answers nobody is not asked for every value there is. */
const MAX_FAILURES = 100

/**
 * Seals again whatever an older key version has wrapped, in both databases, wherever in a document it is. A document that
 * changes meanwhile is read again: no write of anybody's is undone. It can be ended at any moment and be repeated; what is
 * done is not done again.
 *
 * @throws {WireError} `UNAVAILABLE` from a KMS that does not answer at all; {StoreError} `UNAVAILABLE` from a database
 *
 * Source: docs/spec/storage.md 2.6.
 */
export async function rewrapAll(deps: Deps, options: RewrapOptions = {}): Promise<Rewrapped> {
  const { limit = Infinity, signal, progress } = options
  const { kek: primary } = await deps.kms.wrap(new Uint8Array(32), utf8('tandem-rewrap/1'))
  const tally = { examined: 0, current: 0, rewrapped: 0, overtaken: 0, failed: 0 }
  const run: Run = { seals: deps.sealer, primary, tally, failure: options.failure ?? (() => {}) }
  const stopped = () => signal?.aborted === true || tally.rewrapped >= limit || tally.failed >= MAX_FAILURES

  for (const { store, collection } of everywhere(deps)) {
    let after: string | undefined
    do {
      if (stopped()) return { primary, ...tally, complete: false }
      const page = await store.list(collection, { limit: PAGE, ...(after === undefined ? {} : { after }) })
      await eachOf(page.docs, (doc) => (stopped() ? undefined : treat(run, store, collection, doc)))
      progress?.({ primary, ...tally, collection })
      after = page.next
    } while (after !== undefined)
  }
  return { primary, ...tally, complete: !stopped() && tally.overtaken + tally.failed === 0 }
}

type Run = {
  readonly seals: Seals
  readonly primary: string
  readonly tally: Record<'examined' | 'current' | 'rewrapped' | 'overtaken' | 'failed', number>
  readonly failure: (document: string, cause: unknown) => void
}

/** Every collection of Sigpair's, so that a new place for sealed values is not forgotten. */
function everywhere({ parties, presignatures }: Pick<Stores, 'parties' | 'presignatures'>) {
  return [
    ...DATABASES.parties.collections.map((collection) => ({ store: parties, collection })),
    ...DATABASES.presignatures.collections.map((collection) => ({ store: presignatures, collection })),
  ]
}

async function eachOf(docs: readonly Doc[], act: (doc: Doc) => Promise<void> | undefined): Promise<void> {
  const queue = docs.values()
  const work = async () => {
    for (const doc of queue) await act(doc)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

/** Brings one document under the primary version, as it is when it is written. */
async function treat(run: Run, store: Store, collection: string, listed: Doc): Promise<void> {
  const { tally, primary } = run
  tally.examined++
  tally.current += sealedIn(listed.data).filter(({ kek }) => kek === primary).length
  let doc: Doc | undefined = listed
  for (let attempt = 0; attempt < ATTEMPTS && doc !== undefined; attempt++) {
    const { fresh, failures } = await resealed(run, doc)
    if (fresh.size === 0 || (await write(store, collection, doc, fresh))) {
      tally.rewrapped += fresh.size
      tally.failed += failures.length
      for (const cause of failures) run.failure(`${collection}/${doc.id}`, cause)
      return
    }
    doc = await store.get(ref(collection, listed.id))
  }
  if (doc !== undefined) tally.overtaken++
}

/** What each value of an older version becomes, and why some become nothing. */
async function resealed({ seals, primary }: Run, { data }: Doc) {
  const fresh = new Map<Value, Sealed>()
  const failures: unknown[] = []
  for (const sealed of sealedIn(data).filter(({ kek }) => kek !== primary)) {
    try {
      fresh.set(sealed, await reseal(seals, sealed))
    } catch (cause) {
      if (!(cause instanceof WireError)) throw cause
      failures.push(cause)
    }
  }
  return { fresh, failures }
}

/** @returns false if somebody else has written it meanwhile, or it is gone */
async function write(store: Store, collection: string, doc: Doc, fresh: Fresh): Promise<boolean> {
  const { id, data, version: ifVersion, expireAt } = doc
  try {
    await store.update(ref(collection, id), replaced(data, fresh), { ifVersion, expireAt })
    return true
  } catch (error) {
    if (isStoreError(error, 'CONFLICT') || isStoreError(error, 'MISSING')) return false
    throw error
  }
}

type Fresh = ReadonlyMap<Value, Sealed>

const isSealed = (value: object): value is Sealed =>
  'kek' in value && 'wrappedKey' in value && 'iv' in value && 'ciphertext' in value

const isMap = (value: Value | undefined): value is { readonly [field: string]: Value | undefined } =>
  typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && !Array.isArray(value)

function sealedIn(value: Value | undefined): readonly Sealed[] {
  if (Array.isArray(value)) return value.flatMap(sealedIn)
  if (!isMap(value)) return []
  return isSealed(value) ? [value] : Object.values(value).flatMap(sealedIn)
}

function replaced(data: Data, fresh: Fresh): Data {
  const walk = (value: Value | undefined): Value | undefined => {
    const other = value === undefined ? undefined : fresh.get(value)
    if (other !== undefined) return other
    if (Array.isArray(value)) return value.map((item: Value) => walk(item) ?? null)
    return isMap(value) ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name, walk(item)])) : value
  }
  return Object.fromEntries(Object.entries(data).map(([name, item]) => [name, walk(item)]))
}
