import { StoreError } from './errors.ts'
import { type Api, openApi } from './firestore-api.ts'
import { commitPatiently } from './firestore-commit.ts'
import {
  type Content,
  contentOf,
  deleteWrite,
  docOf,
  find,
  lives,
  parseVersion,
  pathOf,
  putWrite,
  unchanged,
  versionOf,
} from './firestore-documents.ts'
import { list, sweep } from './firestore-query.ts'
import { type Database, runTransaction } from './firestore-transaction.ts'
import { nameOf } from './ref.ts'
import type { Data, Ref, Store, Version } from './types.ts'

const MAX_ATTEMPTS = 10

/** A caller of ours waits 15 s at most, for several of these. */
const CALL_MS = 5_000

export type FirestoreOptions = {
  readonly projectId: string
  /** `(default)` if it is not given */
  readonly databaseId?: string
  /** host:port of an emulator; then the project is one of `demo-…`, which no real one is */
  readonly emulatorHost?: string
  /** ms since the epoch; decides what has expired */
  readonly clock?: () => number
  /** how long one call to Firestore may take */
  readonly callMs?: number
}

/**
 * The engine for the cloud: one database, any number of processes. UNAVAILABLE from a write means that nobody knows
 * whether it happened: nothing is sent twice.
 *
 * What has expired is erased by Firestore's TTL policies, about a day later; only an emulator, which has none, is swept.
 *
 * @throws {StoreError} UNAVAILABLE without credentials
 * @throws {TypeError} for a real project on an emulator
 *
 * Source: docs/spec/storage.md, section 8.
 */
export async function openFirestore(options: FirestoreOptions): Promise<Store> {
  const { projectId, databaseId = '(default)', emulatorHost, clock = Date.now, callMs = CALL_MS } = options
  if (emulatorHost !== undefined && !projectId.startsWith('demo-'))
    throw new TypeError('on an emulator the project is called demo-…')
  const api = await openApi({ projectId, databaseId, emulatorHost, callMs })
  const database = { api, now: clock }
  return {
    get: async <T extends Data>(ref: Ref<T>) => {
      const found = await find(api, ref)
      return lives(found, clock()) ? docOf<T>(found) : undefined
    },
    create: async (ref, data, write = {}) => create(database, ref, contentOf(ref, data, write)),
    update: async (ref, data, write) => update(database, ref, contentOf(ref, data, write), write.ifVersion),
    delete: async (ref, { ifVersion } = {}) => {
      if (ifVersion === undefined) await remove(api, ref)
      else await removeAt(database, ref, ifVersion)
    },
    transaction: (fn, { maxAttempts = MAX_ATTEMPTS } = {}) => runTransaction(database, fn, maxAttempts),
    list: async (collection, query) => list(database, collection, query),
    sweep: async (limit) => (emulatorHost === undefined ? 0 : sweep(database, limit)),
    close: api.close,
  }
}

async function create({ api, now }: Database, ref: Ref, content: Content): Promise<Version> {
  const path = pathOf(api.root, ref)
  let before = unchanged(undefined)
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const { refused, times } = await commitPatiently(api, [putWrite(path, content, before)])
    if (refused === undefined) return versionOf(times[0]!, content.expireAt)
    // What is there may have expired
    const found = await find(api, ref)
    if (lives(found, now())) throw new StoreError('EXISTS', nameOf(ref))
    before = unchanged(found)
  }
  throw new StoreError('UNAVAILABLE', `too many write ${nameOf(ref)}`)
}

async function update({ api, now }: Database, ref: Ref, content: Content, ifVersion: Version): Promise<Version> {
  const expected = parseVersion(ifVersion)
  if (expected !== undefined && expected.expireAt > now()) {
    const write = putWrite(pathOf(api.root, ref), content, { updateTime: expected.updateTime })
    const { refused, times } = await commitPatiently(api, [write])
    if (refused === undefined) return versionOf(times[0]!, content.expireAt)
  }
  throw new StoreError(lives(await find(api, ref), now()) ? 'CONFLICT' : 'MISSING', nameOf(ref))
}

async function remove(api: Api, ref: Ref): Promise<void> {
  const { refused } = await commitPatiently(api, [deleteWrite(pathOf(api.root, ref))])
  if (refused !== undefined) throw new StoreError('UNAVAILABLE', `too many write ${nameOf(ref)}`)
}

async function removeAt({ api, now }: Database, ref: Ref, ifVersion: Version): Promise<void> {
  const expected = parseVersion(ifVersion)
  if (expected !== undefined && expected.expireAt > now()) {
    const write = deleteWrite(pathOf(api.root, ref), { updateTime: expected.updateTime })
    const { refused } = await commitPatiently(api, [write])
    if (refused === undefined) return
  }
  throw new StoreError('CONFLICT', nameOf(ref))
}
