import { TTL_FIELD } from './collections.ts'
import type { ProtoQuery } from './firestore-api.ts'
import { deleteWrite, docOf, type Found, foundIn, idOf, lives } from './firestore-documents.ts'
import { encodeId } from './firestore-id.ts'
import type { Database } from './firestore-transaction.ts'
import { encodeTime } from './firestore-value.ts'
import { checkQuery, LAST_CODE_POINT } from './ref.ts'
import type { Data, ListQuery, Page } from './types.ts'

/** Erased at once by one sweep; the emulator takes them in one request. */
const SWEEP = 500

export async function list<T extends Data>(database: Database, collection: string, query: ListQuery): Promise<Page<T>> {
  checkQuery(collection, query)
  const { limit } = query
  const living: Found[] = []
  for (let { after = '' } = query; living.length <= limit; ) {
    const wanted = limit + 1 - living.length
    const found = await range(database, collection, { ...query, after, limit: wanted })
    living.push(...found.filter((one) => lives(one, database.now())))
    if (found.length < wanted) break
    after = idOf(found.at(-1)!.path)
  }

  const page = living.slice(0, limit)
  return {
    docs: page.map((found) => docOf<T>(found)),
    next: living.length > limit ? idOf(page.at(-1)!.path) : undefined,
  }
}

/** @returns also what has expired */
async function range(
  { api }: Database,
  collection: string,
  { limit, prefix = '', after = '' }: ListQuery,
): Promise<readonly Found[]> {
  const id = (op: 'GREATER_THAN' | 'GREATER_THAN_OR_EQUAL' | 'LESS_THAN', text: string) => ({
    fieldFilter: {
      field: { fieldPath: '__name__' },
      op,
      value: { referenceValue: `${api.root}/${collection}/${text}` },
    },
  })
  const filters = [
    ...(after === '' ? [] : [id('GREATER_THAN', encodeId(after))]),
    ...(prefix === '' ? [] : [id('GREATER_THAN_OR_EQUAL', encodeId(prefix))]),
    ...(prefix === '' ? [] : [id('LESS_THAN', encodeId(prefix) + LAST_CODE_POINT)]),
  ]
  const query: ProtoQuery = {
    from: [{ collectionId: collection }],
    where: filters.length === 0 ? null : { compositeFilter: { op: 'AND', filters } },
    orderBy: [{ field: { fieldPath: '__name__' }, direction: 'ASCENDING' }],
    limit: { value: limit },
  }
  return (await api.query(query)).map(foundIn)
}

/** Needs an index of {@link TTL_FIELD}, which emulators always have. */
export async function sweep({ api, now }: Database, limit = SWEEP): Promise<number> {
  let erased = 0
  for (const collectionId of await api.collections()) {
    if (erased === limit) break
    const where = {
      fieldFilter: {
        field: { fieldPath: TTL_FIELD },
        op: 'LESS_THAN_OR_EQUAL',
        value: { timestampValue: encodeTime(now()) },
      },
    } as const
    const expired = await api.query({ from: [{ collectionId }], where, limit: { value: limit - erased } })
    const commits = expired
      .map(foundIn)
      .map(async ({ path, updateTime }) => api.commit([deleteWrite(path, { updateTime })]))
    // What is refused was written anew
    erased += (await Promise.all(commits)).filter(({ refused }) => refused === undefined).length
  }
  return erased
}
