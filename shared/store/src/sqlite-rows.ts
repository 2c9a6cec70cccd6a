import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { StoreError } from './errors.ts'
import { LAST_CODE_POINT } from './ref.ts'
import type { Ref, Version } from './types.ts'

/** One living document as the file holds it. */
export type Row = {
  readonly id: string
  readonly version: Version
  readonly expireAt: number | undefined
  readonly text: string
}

/** The rows of the file. All is synchronous: nothing can come between the steps of {@link Rows.atomically}. */
export type Rows = {
  readonly read: (ref: Ref) => Row | undefined
  /** inserts or replaces, under a version never used before */
  readonly put: (ref: Ref, text: string, expireAt: number | undefined) => Version
  readonly remove: (ref: Ref) => void
  readonly range: (collection: string, prefix: string, after: string, limit: number) => readonly Row[]
  readonly removeExpired: (limit: number) => number
  /** one SQLite write transaction, durable when it returns; whatever `fn` throws undoes it */
  readonly atomically: <T>(fn: () => T) => T
}

const COLUMNS = 'id, version, expire_at, data'
const LIVING = '(expire_at IS NULL OR expire_at > ?)'

/** @param clock ms since the epoch: what has expired by then is absent */
export function openRows(db: DatabaseSync, clock: () => number): Rows {
  const read = db.prepare(`SELECT ${COLUMNS} FROM documents WHERE collection = ? AND id = ? AND ${LIVING}`)
  const next = db.prepare('UPDATE sequence SET last = last + 1 RETURNING last')
  const put = db.prepare(
    `INSERT INTO documents (collection, id, version, expire_at, data) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET version = excluded.version, expire_at = excluded.expire_at, data = excluded.data`,
  )
  const remove = db.prepare('DELETE FROM documents WHERE collection = ? AND id = ?')
  const range = db.prepare(
    `SELECT ${COLUMNS} FROM documents
     WHERE collection = ? AND id >= ? AND id < ? AND id > ? AND ${LIVING} ORDER BY id LIMIT ?`,
  )
  const removeExpired = db.prepare(
    'DELETE FROM documents WHERE rowid IN (SELECT rowid FROM documents WHERE expire_at <= ? LIMIT ?)',
  )

  return {
    read: (ref) => rowOf(guarded(() => read.get(ref.collection, ref.id, clock()))),
    put: (ref, text, expireAt) =>
      guarded(() => {
        const version = Number(next.get()?.['last'])
        put.run(ref.collection, ref.id, version, expireAt ?? null, text)
        return versionOf(version)
      }),
    remove: (ref) => void guarded(() => remove.run(ref.collection, ref.id)),
    range: (collection, prefix, after, limit) =>
      guarded(() => range.all(collection, prefix, prefix + LAST_CODE_POINT, after, clock(), limit)).flatMap(
        (found) => rowOf(found) ?? [],
      ),
    removeExpired: (limit) => Number(guarded(() => removeExpired.run(clock(), limit)).changes),
    atomically: (fn) => atomically(db, fn),
  }
}

function atomically<T>(db: DatabaseSync, fn: () => T): T {
  guarded(() => db.exec('BEGIN IMMEDIATE'))
  try {
    const result = fn()
    guarded(() => db.exec('COMMIT'))
    return result
  } catch (error) {
    // SQLite itself rolls back on some failures
    if (db.isTransaction) guarded(() => db.exec('ROLLBACK'))
    throw error
  }
}

/** Whatever the engine says (busy, full, closed) is one thing to callers; the cause is for the log. */
function guarded<T>(step: () => T): T {
  try {
    return step()
  } catch (cause) {
    throw new StoreError('UNAVAILABLE', 'the SQLite engine failed', { cause })
  }
}

function rowOf(found: Record<string, SQLOutputValue> | undefined): Row | undefined {
  if (found === undefined) return undefined
  const expireAt = found['expire_at'] === null ? undefined : Number(found['expire_at'])
  return {
    id: String(found['id']),
    version: versionOf(Number(found['version'])),
    expireAt,
    text: String(found['data']),
  }
}

const versionOf = (n: number) => String(n) as Version
