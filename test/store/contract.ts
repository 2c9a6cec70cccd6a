import { type Ref, ref, type Store } from '@tandem/store'
import { codeOf, type Counter } from './contract-codes.ts'
import { transactionContract } from './contract-transaction.ts'

/** What an engine brings to the suite. `open` gives an empty store; `setTime` moves the clock that decides expiry. */
export type Engine = {
  readonly open: () => Promise<{ readonly store: Store; readonly setTime: (ms: number) => void }>
  /** racing transactions: Firestore's emulator takes ten at most, with many attempts */
  readonly maxAttempts: number
}

/** What every engine does; run once for each. Source: docs/spec/storage.md. */
export function contract(name: string, engine: Engine): void {
  describe(name, () => {
    let store: Store
    let setTime: (ms: number) => void
    const at = (id: string): Ref<Counter> => ref<Counter>('counters', id)

    beforeEach(async () => {
      ;({ store, setTime } = await engine.open())
      setTime(1_000)
    })
    afterEach(() => store.close())

    const read = async (id: string) => (await store.get(at(id)))?.data
    const versionOf = async (id: string) => (await store.get(at(id)))!.version

    describe('one document', () => {
      test('is created once', async () => {
        await store.create(at('a'), { n: 1 })
        expect(await codeOf(store.create(at('a'), { n: 2 }))).toBe('EXISTS')
        expect(await read('a')).toEqual({ n: 1 })
      })

      test('is created by exactly one of ten who race', async () => {
        const codes = await Promise.all(Array.from({ length: 10 }, (_, n) => codeOf(store.create(at('a'), { n }))))
        expect(codes.filter((code) => code === undefined)).toHaveLength(1)
        expect(codes.filter((code) => code === 'EXISTS')).toHaveLength(9)
      })

      test('that is absent is undefined to get, and MISSING to update', async () => {
        const version = await store.create(at('b'), { n: 1 })
        expect(await store.get(at('a'))).toBeUndefined()
        expect(await codeOf(store.update(at('a'), { n: 1 }, { ifVersion: version }))).toBe('MISSING')
      })

      test('is not updated from a stale version', async () => {
        const first = await store.create(at('a'), { n: 1 })
        await store.update(at('a'), { n: 2 }, { ifVersion: first })
        expect(await codeOf(store.update(at('a'), { n: 3 }, { ifVersion: first }))).toBe('CONFLICT')
        expect(await read('a')).toEqual({ n: 2 })
      })

      test('has the version that create and update answered', async () => {
        const first = await store.create(at('a'), { n: 1 })
        expect(await versionOf('a')).toBe(first)
        const second = await store.update(at('a'), { n: 2 }, { ifVersion: first })
        expect(await versionOf('a')).toBe(second)
        expect(second).not.toBe(first)
      })

      test('is replaced by update, not merged', async () => {
        const it = ref<{ x?: number; y?: number }>('things', 'a')
        const version = await store.create(it, { x: 1 })
        await store.update(it, { y: 2 }, { ifVersion: version })
        expect((await store.get(it))?.data).toEqual({ y: 2 })
      })

      test('is not deleted at a stale version', async () => {
        const first = await store.create(at('a'), { n: 1 })
        await store.update(at('a'), { n: 2 }, { ifVersion: first })
        expect(await codeOf(store.delete(at('a'), { ifVersion: first }))).toBe('CONFLICT')
        await store.delete(at('a'), { ifVersion: await versionOf('a') })
        expect(await read('a')).toBeUndefined()
      })

      test('can be deleted when it is absent, unless a version is named', async () => {
        const version = await store.create(at('a'), { n: 1 })
        await store.delete(at('a'))
        await store.delete(at('a'))
        expect(await codeOf(store.delete(at('a'), { ifVersion: version }))).toBe('CONFLICT')
      })

      test('has a new version after an update that changes nothing', async () => {
        const first = await store.create(at('a'), { n: 1 })
        expect(await store.update(at('a'), { n: 1 }, { ifVersion: first })).not.toBe(first)
        expect(await codeOf(store.update(at('a'), { n: 1 }, { ifVersion: first }))).toBe('CONFLICT')
      })

      test('that was deleted and created again has a version never seen before', async () => {
        const first = await store.create(at('a'), { n: 1 })
        await store.delete(at('a'))
        await store.create(at('a'), { n: 1 })
        expect(await codeOf(store.update(at('a'), { n: 2 }, { ifVersion: first }))).toBe('CONFLICT')
      })

      test('of another collection with the same id is another document', async () => {
        await store.create(ref('left', 'a'), { n: 1 })
        await store.create(ref('right', 'a'), { n: 2 })
        expect((await store.get(ref('left', 'a')))?.data).toEqual({ n: 1 })
      })
    })

    transactionContract({ store: () => store, at, read, versionOf, maxAttempts: engine.maxAttempts })

    describe('an expired document', () => {
      beforeEach(async () => {
        await store.create(at('a'), { n: 1 }, { expireAt: 2_000 })
      })

      test('lives until its time and is absent from then on', async () => {
        setTime(1_999)
        expect((await store.get(at('a')))?.expireAt).toBe(2_000)
        setTime(2_000)
        expect(await store.get(at('a'))).toBeUndefined()
        expect((await store.list('counters', { limit: 10 })).docs).toEqual([])
      })

      test('can be created again, also in a transaction that read it as absent', async () => {
        setTime(3_000)
        await store.create(at('a'), { n: 2 })
        expect(await read('a')).toEqual({ n: 2 })
        await store.create(at('b'), { n: 1 }, { expireAt: 3_000 })
        await store.transaction(async (tx) => {
          expect(await tx.get(at('b'))).toBeUndefined()
          tx.create(at('b'), { n: 2 })
        })
        expect(await read('b')).toEqual({ n: 2 })
      })

      test('is MISSING to update and in CONFLICT with every version', async () => {
        const version = await versionOf('a')
        setTime(3_000)
        expect(await codeOf(store.update(at('a'), { n: 2 }, { ifVersion: version }))).toBe('MISSING')
        expect(await codeOf(store.delete(at('a'), { ifVersion: version }))).toBe('CONFLICT')
      })

      test('that is updated without a time no longer expires', async () => {
        await store.update(at('a'), { n: 2 }, { ifVersion: await versionOf('a') })
        setTime(3_000)
        expect(await read('a')).toEqual({ n: 2 })
      })

      test('is erased by the sweep, and nothing else is', async () => {
        await store.create(at('b'), { n: 1 }, { expireAt: 9_000 })
        await store.create(at('c'), { n: 1 })
        setTime(3_000)
        await store.sweep()
        expect((await store.list('counters', { limit: 10 })).docs.map((doc) => doc.id)).toEqual(['b', 'c'])
      })
    })

    describe('data', () => {
      const thing = ref('things', 'a')
      const comesBack = async (data: Parameters<Store['create']>[1]) => {
        await store.create(thing, data)
        return (await store.get(thing))!.data
      }

      test('comes back as it went in, bytes and all', async () => {
        const data = {
          text: 'é ☃ 🦊 " \\ \u0000 $',
          bytes: Uint8Array.from({ length: 256 }, (_, i) => i),
          empty: new Uint8Array(0),
          numbers: [0, -1, 1.5, Number.MAX_SAFE_INTEGER],
          nested: { list: [{ b: Uint8Array.of(1) }, 'x', null, true], none: {} },
          $bytes: 'not bytes',
          $$: { $bytes: 'nor these' },
        }
        const back = await comesBack(data)
        expect(back).toEqual(data)
        expect(back['bytes']!.constructor).toBe(Uint8Array)
      })

      test('leaves out fields that are undefined', async () => {
        expect(Object.keys(await comesBack({ a: undefined, b: 1 }))).toEqual(['b'])
      })

      test('is copied when it is given, and when it is taken', async () => {
        const bytes = Uint8Array.of(1, 2, 3)
        const work = store.transaction(async (tx) => {
          tx.create(thing, { bytes })
          bytes.fill(9)
        })
        await work
        const first = (await store.get(thing))!.data['bytes'] as Uint8Array
        expect([...first]).toEqual([1, 2, 3])
        first.fill(7)
        expect((await store.get(thing))!.data['bytes']).toEqual(Uint8Array.of(1, 2, 3))
      })

      const refused: readonly (readonly [string, unknown])[] = [
        ['a bigint', { n: 1n }],
        ['NaN', { n: Number.NaN }],
        ['infinity', { n: Number.POSITIVE_INFINITY }],
        ['a date', { at: new Date(0) }],
        ['a map', { map: new Map() }],
        ['a function', { f: () => 1 }],
        ['half of a surrogate pair', { text: '\ud800' }],
        ['a list inside a list', { list: [[1]] }],
        ['undefined in a list', { list: [undefined] }],
        ['a reserved field', { __name__: 1 }],
        ['a field without a name', { '': 1 }],
        ['a prototype', JSON.parse('{"__proto__": {"x": 1}}')],
        ['a list for a document', [1]],
        ['more levels than Firestore takes', Array.from({ length: 22 }).reduce<object>((inner) => ({ inner }), {})],
      ]
      test.each(refused)('cannot be %s', async (_, data) => {
        await expect(store.create(thing, data as { n: number })).rejects.toThrow(TypeError)
        expect(await store.get(thing)).toBeUndefined()
      })

      test('fits into one MiB and is refused above', async () => {
        await store.create(thing, { bytes: new Uint8Array(1_048_000) })
        expect(((await store.get(thing))!.data['bytes'] as Uint8Array).length).toBe(1_048_000)
        await expect(store.create(ref('things', 'b'), { bytes: new Uint8Array(1_048_577) })).rejects.toThrow(RangeError)
      })
    })

    describe('an id', () => {
      test.each(['é', 'a b', 'x'.repeat(500), 'user:42', 'a/b', '..', '%2F', '__x__', '🦊', "'; DROP", 'https://i|s'])(
        'may be %j',
        async (id) => {
          await store.create(at(id), { n: 1 })
          await store.update(at(id), { n: 2 }, { ifVersion: await versionOf(id) })
          expect((await store.list<Counter>('counters', { limit: 5 })).docs).toMatchObject([{ id, data: { n: 2 } }])
          await store.delete(at(id))
          expect(await read(id)).toBeUndefined()
        },
      )

      test('that looks alike is another: composed and decomposed é, upper and lower case', async () => {
        const ids = ['\u00e9', 'e\u0301', 'K', 'k']
        for (const [n, id] of ids.entries()) await store.create(at(id), { n })
        expect(await Promise.all(ids.map(read))).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }])
      })

      test.each(['', 'x'.repeat(501), '\ud800', 'a\0b', '\u{10FFFF}'])('cannot be %j', (id) => {
        expect(() => ref('counters', id)).toThrow(TypeError)
      })

      test.each(['', '1a', 'a/b', 'a b', '__x__', 'é'])('of a collection cannot be %j', (name) => {
        expect(() => ref(name, 'a')).toThrow(TypeError)
      })
    })

    describe('a list', () => {
      beforeEach(async () => {
        for (const id of ['key:1', 'key:2', 'key:3', 'kez', 'ke', 'key', 'key;']) await store.create(at(id), { n: 1 })
      })

      const ids = async (query: Parameters<Store['list']>[1]) => {
        const { docs, next } = await store.list('counters', query)
        return { ids: docs.map((doc) => doc.id), next }
      }

      test('goes through a collection page by page, in order', async () => {
        expect(await ids({ limit: 4 })).toEqual({ ids: ['ke', 'key', 'key:1', 'key:2'], next: 'key:2' })
        expect(await ids({ limit: 4, after: 'key:2' })).toEqual({ ids: ['key:3', 'key;', 'kez'], next: undefined })
      })

      test('keeps to a prefix', async () => {
        expect(await ids({ limit: 10, prefix: 'key:' })).toEqual({ ids: ['key:1', 'key:2', 'key:3'], next: undefined })
        expect(await ids({ limit: 2, prefix: 'key:', after: 'key:1' })).toEqual({
          ids: ['key:2', 'key:3'],
          next: undefined,
        })
      })

      test('orders by UTF-8 bytes, not by UTF-16', async () => {
        for (const id of ['\ufb01', '\u{1f98a}']) await store.create(ref('odd', id), { n: 1 })
        expect((await store.list('odd', { limit: 2 })).docs.map((doc) => doc.id)).toEqual(['\ufb01', '\u{1f98a}'])
      })

      test('takes no prefix, and no end of a page, that no id could have', async () => {
        for (const query of [{ prefix: 'x'.repeat(499) }, { after: 'x'.repeat(501) }, { prefix: '\ud800' }])
          await expect(store.list('counters', { limit: 1, ...query })).rejects.toThrow(TypeError)
        expect(await ids({ limit: 1, prefix: '\u754c'.repeat(498) })).toEqual({ ids: [], next: undefined })
      })

      test.each([0, -1, 1.5, 1_001])('takes no limit of %p', async (limit) => {
        await expect(store.list('counters', { limit })).rejects.toThrow(RangeError)
      })
    })

    test('a closed store is UNAVAILABLE, and closing it twice is fine', async () => {
      await store.close()
      await store.close()
      expect(await codeOf(store.get(at('a')))).toBe('UNAVAILABLE')
    })
  })
}
