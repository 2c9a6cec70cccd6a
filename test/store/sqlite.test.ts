import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openSqlite, ref } from '@tandem/store'
import { contract } from './contract.ts'
import { codeOf } from './contract-codes.ts'

const folder = mkdtempSync(join(tmpdir(), 'tandem-store-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
const freshPath = () => join(folder, 'deeper', `${files++}.db`)

contract('SQLite', {
  maxAttempts: 30,
  open: async () => {
    let now = 0
    return { store: openSqlite({ path: freshPath(), clock: () => now }), setTime: (ms) => void (now = ms) }
  },
})

describe('the SQLite file', () => {
  test('keeps what was written when it is opened again', async () => {
    const path = freshPath()
    const first = openSqlite({ path })
    const version = await first.create(ref('things', 'a'), { n: 1 })
    await first.close()
    const second = openSqlite({ path })
    expect(await second.get(ref('things', 'a'))).toEqual({ id: 'a', data: { n: 1 }, version, expireAt: undefined })
    await second.close()
  })

  test('gives no version a second time after it is opened again', async () => {
    const path = freshPath()
    const first = openSqlite({ path })
    const version = await first.create(ref('things', 'a'), { n: 1 })
    await first.delete(ref('things', 'a'))
    await first.close()
    const second = openSqlite({ path })
    expect(await second.create(ref('things', 'a'), { n: 1 })).not.toBe(version)
    await second.close()
  })

  test('can be read by its owner only, as can its companions, even if it was left open to others', async () => {
    const path = freshPath()
    await openSqlite({ path: `${path}.first` }).close()
    writeFileSync(path, '', { mode: 0o644 })
    const store = openSqlite({ path })
    await store.create(ref('things', 'a'), { n: 1 })
    expect([path, `${path}-wal`, `${path}-shm`].map((file) => statSync(file).mode & 0o777)).toEqual([
      0o600, 0o600, 0o600,
    ])
    await store.close()
  })

  test('overwrites what is erased', async () => {
    const path = freshPath()
    const store = openSqlite({ path })
    await store.create(ref('things', 'a'), { text: 'a-sealed-share' })
    await store.delete(ref('things', 'a'))
    await store.close()
    expect(readFileSync(path).includes('a-sealed-share')).toBe(false)
  })

  test('is a write-ahead log', async () => {
    const path = freshPath()
    const store = openSqlite({ path })
    await store.close()
    const db = new DatabaseSync(path)
    expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
    db.close()
  })

  test('that is no database, or of a newer layout, is refused as UNAVAILABLE', async () => {
    const garbage = freshPath()
    await openSqlite({ path: `${garbage}.first` }).close()
    writeFileSync(garbage, 'not a database, certainly not one')
    expect(await codeOf((async () => openSqlite({ path: garbage }))())).toBe('UNAVAILABLE')

    const newer = freshPath()
    await openSqlite({ path: newer }).close()
    const db = new DatabaseSync(newer)
    db.exec('PRAGMA user_version = 999')
    db.close()
    expect(await codeOf((async () => openSqlite({ path: newer }))())).toBe('UNAVAILABLE')
  })
})
