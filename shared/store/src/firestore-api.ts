import { setTimeout as sleep } from 'node:timers/promises'
import type { protos } from '@google-cloud/firestore-api'
import { StoreError } from './errors.ts'
import { type Connection, callOptions, connect, databaseOf } from './firestore-client.ts'

export type ProtoDocument = protos.google.firestore.v1.IDocument
export type ProtoWrite = protos.google.firestore.v1.IWrite
export type ProtoQuery = protos.google.firestore.v1.IStructuredQuery
export type Timestamp = protos.google.protobuf.ITimestamp

/**
 * What Firestore answers to a commit: when each document was written, or why nothing was. `precondition`: a document is
 * not as the writes demand; `contention`: others hold what it needs.
 */
export type Commit =
  | { readonly refused?: undefined; readonly times: readonly Timestamp[] }
  | { readonly refused: 'precondition' | 'contention'; readonly times?: undefined }

/** Documents read by a transaction of Firestore's own: nobody writes to them until it ends. */
export type Held = { readonly documents: readonly ProtoDocument[]; readonly transaction: Uint8Array }

/**
 * The calls the engine makes. Each ends in time.
 *
 * All @throws {StoreError} UNAVAILABLE; what a commit was to write may then be written or not
 */
export type Api = {
  /** `projects/…/databases/…/documents` */
  readonly root: string
  /** what there is of the named documents, in one state of the database */
  readonly read: (names: readonly string[]) => Promise<readonly ProtoDocument[]>
  /** undefined when others hold them */
  readonly hold: (names: readonly string[]) => Promise<Held | undefined>
  /** never fails: Firestore itself ends what nobody ends */
  readonly release: (transaction: Uint8Array) => Promise<void>
  readonly commit: (writes: readonly ProtoWrite[], transaction?: Uint8Array) => Promise<Commit>
  readonly query: (query: ProtoQuery) => Promise<readonly ProtoDocument[]>
  readonly collections: () => Promise<readonly string[]>
  readonly close: () => Promise<void>
}

/** What writes nothing is asked this often while the connection fails. */
const READ_ATTEMPTS = 3
const RETRY_MS = 100

/** Codes of gRPC. */
const NOT_FOUND = 5
const ALREADY_EXISTS = 6
const FAILED_PRECONDITION = 9
const ABORTED = 10
const UNAVAILABLE = 14

/** @throws {StoreError} UNAVAILABLE without credentials */
export async function openApi(connection: Connection): Promise<Api> {
  const database = databaseOf(connection)
  const root = `${database}/documents`
  const client = await connect(connection)
  let closed = false
  const live = () => {
    if (closed) throw new StoreError('UNAVAILABLE', 'the store is closed')
    return client
  }
  const options = () => callOptions(connection)
  const batchGet = (request: protos.google.firestore.v1.IBatchGetDocumentsRequest) =>
    gather<ReadAnswer>(live().batchGetDocuments({ database, ...request }, options()))

  return {
    root,
    read: async (names) => {
      if (names.length === 0) return []
      const answers = await repeatedly(async () => batchGet({ documents: [...names] }))
      return answers.flatMap(({ found }) => found ?? [])
    },
    hold: async (names) => holding(batchGet({ documents: [...names], newTransaction: { readWrite: {} } })),
    release: async (transaction) => {
      await client.rollback({ database, transaction }, options()).catch(() => {})
    },
    commit: async (writes, transaction) =>
      committing(live().commit({ database, writes: [...writes], transaction: transaction ?? null }, options())),
    query: async (structuredQuery) => {
      const answers = await repeatedly(async () =>
        gather<QueryAnswer>(live().runQuery({ parent: root, structuredQuery }, options())),
      )
      return answers.flatMap(({ document }) => document ?? [])
    },
    collections: async () => (await live().listCollectionIds({ parent: root }, options()).catch(fail))[0],
    close: async () => {
      if (closed) return
      closed = true
      await client.close()
    },
  }
}

type ReadAnswer = protos.google.firestore.v1.IBatchGetDocumentsResponse
type QueryAnswer = protos.google.firestore.v1.IRunQueryResponse

/** The client types none of its streams. */
async function gather<T extends ReadAnswer | QueryAnswer>(stream: AsyncIterable<unknown>): Promise<readonly T[]> {
  const answers: T[] = []
  for await (const answer of stream) answers.push(answer as T)
  return answers
}

async function repeatedly<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask()
    } catch (error) {
      if (codeOf(error) !== UNAVAILABLE || attempt === READ_ATTEMPTS) return fail(error)
      await sleep(RETRY_MS)
    }
  }
}

async function holding(reading: Promise<readonly ReadAnswer[]>): Promise<Held | undefined> {
  try {
    const answers = await reading
    const transaction = answers.find((answer) => answer.transaction?.length)?.transaction
    if (!(transaction instanceof Uint8Array)) throw new Error('Firestore began no transaction')
    return { documents: answers.flatMap(({ found }) => found ?? []), transaction }
  } catch (error) {
    return codeOf(error) === ABORTED ? undefined : fail(error)
  }
}

async function committing(sent: Promise<[protos.google.firestore.v1.ICommitResponse, ...unknown[]]>): Promise<Commit> {
  try {
    const [{ writeResults, commitTime }] = await sent
    return { times: (writeResults ?? []).map(({ updateTime }) => updateTime ?? commitTime ?? {}) }
  } catch (error) {
    const code = codeOf(error)
    if (code === ABORTED) return { refused: 'contention' }
    if (code === NOT_FOUND || code === ALREADY_EXISTS || code === FAILED_PRECONDITION)
      return { refused: 'precondition' }
    return fail(error)
  }
}

/** Whatever else went wrong (network, deadline, quota, rights) is one thing to callers; the cause is for the log. */
function fail(cause: unknown): never {
  throw cause instanceof StoreError
    ? cause
    : new StoreError('UNAVAILABLE', 'Firestore did not answer as it should', { cause })
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
