import { StoreError } from './errors.ts'
import { checkQuery, nameOf } from './ref.ts'
import { openDatabase } from './sqlite-file.ts'
import { openRows, type Rows } from './sqlite-rows.ts'
import { createStep, docOf, runTransaction, updateStep } from './sqlite-transaction.ts'
import type { Data, ListQuery, Page, Ref, Store, Version } from './types.ts'

const MAX_ATTEMPTS = 10
const SWEEP = 1_000

/**
 * The embedded engine: one file, any number of processes. A write blocks the caller's thread for one disk flush (about
 * 0.2 ms on an SSD).
 *
 * @param options.path  the file, created with mode 0600; `:memory:` keeps nothing
 * @param options.clock ms since the epoch; decides what has expired
 * @throws {StoreError} UNAVAILABLE if the file cannot be opened
 */
export function openSqlite(options: { readonly path: string; readonly clock?: () => number }): Store {
  const db = openDatabase(options.path)
  const rows = openRows(db, options.clock ?? Date.now)
  return {
    get: async <T extends Data>(ref: Ref<T>) => docOf<T>(rows.read(ref)),
    create: async (ref, data, write) => rows.atomically(createStep(rows, ref, data, write)),
    update: async (ref, data, write) => rows.atomically(updateStep(rows, ref, data, write)),
    delete: async (ref, { ifVersion } = {}) => rows.atomically(() => remove(rows, ref, ifVersion)),
    transaction: (fn, { maxAttempts = MAX_ATTEMPTS } = {}) => runTransaction(rows, fn, maxAttempts),
    list: async (collection, query) => list(rows, collection, query),
    sweep: async (limit = SWEEP) => rows.atomically(() => rows.removeExpired(limit)),
    close: async () => {
      if (db.isOpen) db.close()
    },
  }
}

function remove(rows: Rows, ref: Ref, ifVersion: Version | undefined): void {
  if (ifVersion !== undefined && rows.read(ref)?.version !== ifVersion) throw new StoreError('CONFLICT', nameOf(ref))
  rows.remove(ref)
}

function list<T extends Data>(rows: Rows, collection: string, query: ListQuery): Page<T> {
  checkQuery(collection, query)
  const { limit, prefix = '', after = '' } = query
  const found = rows.range(collection, prefix, after, limit + 1)
  const page = found.slice(0, limit)
  return {
    docs: page.flatMap((row) => docOf<T>(row) ?? []),
    next: found.length > limit ? page.at(-1)?.id : undefined,
  }
}
