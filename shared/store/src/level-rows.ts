import { mkdir } from 'node:fs/promises'
import type { ClassicLevel } from 'classic-level'
import { StoreError } from './errors.ts'
import { LAST_CODE_POINT } from './ref.ts'
import type { Ref, Version } from './types.ts'

/** One document as the database holds it. */
export type LevelRow = {
  readonly id: string
  readonly version: Version
  readonly expireAt: number | undefined
  readonly text: string
}

/** What becomes of a document: its new text, or nothing. */
export type LevelWrite = {
  readonly ref: Ref
  readonly put: { readonly text: string; readonly expireAt: number | undefined } | undefined
}

/**
 * The rows of one LevelDB: documents by `d NUL collection NUL id`, so that they lie in the order of their ids, and beside them
 * `x NUL time NUL collection NUL id` for those that expire, in the order in which they do.
 */
export type LevelRows = {
  /** expired ones too */
  readonly read: (ref: Ref) => Promise<LevelRow | undefined>
  readonly range: (collection: string, prefix: string, after: string, limit: number) => Promise<readonly LevelRow[]>
  /** what has expired by then, the longest first */
  readonly expired: (now: number, limit: number) => Promise<readonly Ref[]>
  /** all or nothing, durable when it resolves; answers the versions of what was put. One at a time. */
  readonly write: (writes: readonly LevelWrite[]) => Promise<readonly (Version | undefined)[]>
  /** rewrites the files without what was replaced or deleted since the last time */
  readonly compact: () => Promise<void>
  readonly close: () => Promise<void>
}

const SEQUENCE = 's'

/** Before and behind every document and every time. */
const [FIRST, LAST] = ['d', 'y']
const DIGITS = 16

type Level = ClassicLevel
type Op =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string }

/** @throws {StoreError} UNAVAILABLE if the folder cannot be opened, or another process has it */
export async function openLevelRows(path: string): Promise<LevelRows> {
  const db = await guarded(async () => {
    await mkdir(path, { recursive: true, mode: 0o700 })
    // Compiled code, which only a committee's node needs: every other service starts, and is bundled, without it.
    const { ClassicLevel: Database } = await import('classic-level')
    const opened: Level = new Database(path)
    await opened.open()
    return opened
  })
  let stale = false
  let last = Number((await guarded(() => db.get(SEQUENCE))) ?? '0')
  const read = async (ref: Ref) => parsed(ref.id, await guarded(() => db.get(documentKey(ref))))
  return {
    read,
    range: async (collection, prefix, after, limit) => {
      const from = after > prefix ? { gt: keyOf(collection, after) } : { gte: keyOf(collection, prefix) }
      const range = { ...from, lt: keyOf(collection, prefix + LAST_CODE_POINT), limit }
      const found = await guarded(() => db.iterator(range).all())
      return found.flatMap(([key, value]) => parsed(key.split('\0')[2]!, value) ?? [])
    },
    expired: async (now, limit) => {
      const found = await guarded(() => db.keys({ gte: 'x\0', lt: `x\0${timeOf(now + 1)}`, limit }).all())
      return found.map((key) => refOf(key))
    },
    write: async (writes) => {
      const ops: Op[] = []
      const versions: (Version | undefined)[] = []
      for (const write of writes) {
        const before = await read(write.ref)
        const version = write.put && (String(++last) as Version)
        stale ||= before !== undefined
        ops.push(...opsOf(write, before, version))
        versions.push(version)
      }
      ops.push({ type: 'put', key: SEQUENCE, value: String(last) })
      await guarded(() => db.batch(ops, { sync: true }))
      return versions
    },
    compact: async () => {
      if (!stale) return
      stale = false
      await guarded(() => compact(db))
    },
    close: () => guarded(() => db.close()),
  }
}

/**
 * LevelDB flushes to the deepest level that is free, and merges a level only into the next: what lies deepest is rewritten
 * when something newer spans all of it.
 */
async function compact(db: Level): Promise<void> {
  await db.compactRange(FIRST, LAST)
  await db.batch([FIRST, LAST].map((key) => ({ type: 'put' as const, key, value: '' })))
  await db.compactRange(FIRST, LAST)
}

function opsOf({ ref, put }: LevelWrite, before: LevelRow | undefined, version: Version | undefined): Op[] {
  const key = documentKey(ref)
  const gone: Op[] = before?.expireAt === undefined ? [] : [{ type: 'del', key: expiryKey(ref, before.expireAt) }]
  if (put === undefined) return [...gone, { type: 'del', key }]
  const value = `${version}\n${put.expireAt ?? ''}\n${put.text}`
  const expires: Op[] =
    put.expireAt === undefined ? [] : [{ type: 'put', key: expiryKey(ref, put.expireAt), value: '' }]
  return [...gone, { type: 'put', key, value }, ...expires]
}

function parsed(id: string, value: string | undefined): LevelRow | undefined {
  if (value === undefined) return undefined
  const first = value.indexOf('\n')
  const second = value.indexOf('\n', first + 1)
  const expireAt = value.slice(first + 1, second)
  return {
    id,
    version: value.slice(0, first) as Version,
    expireAt: expireAt === '' ? undefined : Number(expireAt),
    text: value.slice(second + 1),
  }
}

const keyOf = (collection: string, id: string) => `d\0${collection}\0${id}`

const documentKey = ({ collection, id }: Ref) => keyOf(collection, id)

const expiryKey = ({ collection, id }: Ref, at: number) => `x\0${timeOf(at)}\0${collection}\0${id}`

/** Text in the order of the times. What expired before 1970 expired long ago. */
const timeOf = (ms: number) => String(Math.max(0, Math.ceil(ms))).padStart(DIGITS, '0')

function refOf(key: string): Ref {
  const [, , collection, id] = key.split('\0')
  return { collection: collection!, id: id! }
}

/** Whatever the engine says (locked, full, closed) is one thing to callers; the cause is for the log. */
async function guarded<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (cause) {
    throw new StoreError('UNAVAILABLE', 'the LevelDB engine failed', { cause })
  }
}
