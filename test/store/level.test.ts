import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLevel, ref } from '@tandem/store'
import { contract } from './contract.ts'
import { codeOf } from './contract-codes.ts'

const folder = mkdtempSync(join(tmpdir(), 'tandem-level-'))
afterAll(() => rmSync(folder, { recursive: true }))

let folders = 0
const freshPath = () => join(folder, 'deeper', String(folders++))

contract('LevelDB', {
  maxAttempts: 30,
  open: async () => {
    let now = 0
    return { store: await openLevel({ path: freshPath(), clock: () => now }), setTime: (ms) => void (now = ms) }
  },
})

const filesOf = (path: string) => readdirSync(path).map((name) => join(path, name))

describe('the LevelDB folder', () => {
  test('keeps what was written when it is opened again', async () => {
    const path = freshPath()
    const first = await openLevel({ path })
    const version = await first.create(ref('things', 'a'), { n: 1 })
    await first.close()
    const second = await openLevel({ path })
    expect(await second.get(ref('things', 'a'))).toEqual({ id: 'a', data: { n: 1 }, version, expireAt: undefined })
    await second.close()
  })

  test('gives no version a second time after it is opened again', async () => {
    const path = freshPath()
    const first = await openLevel({ path })
    const version = await first.create(ref('things', 'a'), { n: 1 })
    await first.delete(ref('things', 'a'))
    await first.close()
    const second = await openLevel({ path })
    expect(await second.create(ref('things', 'a'), { n: 1 })).not.toBe(version)
    await second.close()
  })

  test('can be entered by its owner only', async () => {
    const path = freshPath()
    const store = await openLevel({ path })
    expect(statSync(path).mode & 0o777).toBe(0o700)
    await store.close()
  })

  test('belongs to one process, and within it to one store', async () => {
    const path = freshPath()
    const store = await openLevel({ path })
    expect(await codeOf(openLevel({ path }))).toBe('UNAVAILABLE')
    await store.close()
  })

  test('holds nothing any more of what was erased, once it was swept', async () => {
    const path = freshPath()
    const store = await openLevel({ path })
    const secret = 'a-sealed-share-of-an-old-epoch'
    await store.create(ref('things', 'a'), { secret })
    await store.create(ref('things', 'b'), { n: 1 })
    const held = () => filesOf(path).some((file) => readFileSync(file).includes(secret))
    expect(held()).toBe(true)
    await store.delete(ref('things', 'a'))
    await store.sweep()
    expect(held()).toBe(false)
    await store.close()
  })
})
