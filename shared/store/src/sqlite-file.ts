import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StoreError } from './errors.ts'

/** The layout below; a file with another number was written by another version. */
const SCHEMA_VERSION = 1

/** How long a write waits for another process's write; those take well under a millisecond. */
const BUSY_MS = 5_000

const OPEN_ATTEMPTS = 50

/** `sequence` numbers every write of the file, so that no version of a document ever returns. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sequence (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL) STRICT;
  INSERT OR IGNORE INTO sequence VALUES (1, 0);
  CREATE TABLE IF NOT EXISTS documents (
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    expire_at INTEGER,
    data TEXT NOT NULL,
    PRIMARY KEY (collection, id)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS expiring ON documents (expire_at) WHERE expire_at IS NOT NULL;
  PRAGMA user_version = ${SCHEMA_VERSION};
`

/**
 * Opens or creates the file with mode 0600 (SQLite gives -wal and -shm the same).
 *
 * @param path a file, or `:memory:`
 * @throws {StoreError} UNAVAILABLE if it cannot be opened, or was written by another version
 */
export function openDatabase(path: string): DatabaseSync {
  if (path !== ':memory:') makePrivate(path)
  const db = new DatabaseSync(path, { timeout: BUSY_MS })
  try {
    prepare(db)
    return db
  } catch (cause) {
    db.close()
    throw cause instanceof StoreError ? cause : new StoreError('UNAVAILABLE', `cannot open ${path}`, { cause })
  }
}

function makePrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
}

function prepare(db: DatabaseSync): void {
  patiently(() => db.exec('PRAGMA journal_mode = WAL'))
  // FULL: a commit is on the disk when it returns; fullfsync: also on macOS; secure_delete: the erased is overwritten
  db.exec('PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF')
  patiently(() => {
    const found = Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
    if (found > SCHEMA_VERSION) throw new StoreError('UNAVAILABLE', 'the file was written by a newer version')
    if (found < SCHEMA_VERSION) db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`)
  })
}

/** Changing the journal mode does not honour the busy timeout: two processes that start together would fail. */
function patiently(step: () => void): void {
  for (let attempt = 1; ; attempt++) {
    try {
      return step()
    } catch (error) {
      if (!isBusy(error) || attempt === OPEN_ATTEMPTS) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    }
  }
}

const SQLITE_BUSY = 5

function isBusy(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY
  )
}
