import type { Ref, Store, Transaction, Version } from '@tandem/store'
import { codeOf, type Counter } from './contract-codes.ts'

/** What one test of the contract has to work on. */
type World = {
  readonly store: () => Store
  readonly at: (id: string) => Ref<Counter>
  readonly read: (id: string) => Promise<Counter | undefined>
  readonly versionOf: (id: string) => Promise<Version>
  readonly maxAttempts: number
}

/** What every engine does in transactions. Source: docs/spec/storage.md 8. */
export function transactionContract({ store: storeOf, at, read, versionOf, maxAttempts }: World): void {
  describe('a transaction', () => {
    let store: Store
    beforeEach(() => {
      store = storeOf()
    })

    const increment = (id: string) =>
      store.transaction(
        async (tx) => {
          const found = await tx.get(at(id))
          tx.update(at(id), { n: found!.data.n + 1 })
        },
        { maxAttempts: maxAttempts },
      )

    test('answers what its function answers, and its writes are there', async () => {
      const answer = await store.transaction(async (tx) => {
        expect(await tx.get(at('a'))).toBeUndefined()
        tx.create(at('a'), { n: 7 })
        return 'seven'
      })
      expect(answer).toBe('seven')
      expect(await read('a')).toEqual({ n: 7 })
    })

    test('of ten racing increments loses none', async () => {
      await store.create(at('a'), { n: 0 })
      await Promise.all(Array.from({ length: 10 }, () => increment('a')))
      expect(await read('a')).toEqual({ n: 10 })
    })

    test('writes both documents or none', async () => {
      await store.create(at('b'), { n: 1 })
      const work = store.transaction(async (tx) => {
        tx.create(at('a'), { n: 1 })
        tx.create(at('b'), { n: 2 })
      })
      expect(await codeOf(work)).toBe('EXISTS')
      expect(await read('a')).toBeUndefined()
      expect(await read('b')).toEqual({ n: 1 })
    })

    test('whose function throws writes nothing and throws the same', async () => {
      const boom = new Error('boom')
      const work = store.transaction(async (tx) => {
        tx.create(at('a'), { n: 1 })
        throw boom
      })
      await expect(work).rejects.toBe(boom)
      expect(await read('a')).toBeUndefined()
    })

    test('refuses write skew: two that each leave on the other staying', async () => {
      await store.create(at('alice'), { n: 1 })
      await store.create(at('bob'), { n: 1 })
      const leave = (me: string) =>
        store.transaction(
          async (tx) => {
            const [alice, bob] = [await tx.get(at('alice')), await tx.get(at('bob'))]
            if (alice!.data.n + bob!.data.n > 1) tx.update(at(me), { n: 0 })
          },
          { maxAttempts: maxAttempts },
        )
      await Promise.all([leave('alice'), leave('bob')])
      expect((await read('alice'))!.n + (await read('bob'))!.n).toBe(1)
    })

    test('guards what it read as absent', async () => {
      let runs = 0
      const seen = await store.transaction(async (tx) => {
        const found = await tx.get(at('a'))
        if (runs++ === 0) await store.create(at('a'), { n: 5 })
        tx.create(at('b'), { n: found?.data.n ?? 0 })
        return found?.data.n
      })
      expect({ runs, seen, b: await read('b') }).toEqual({ runs: 2, seen: 5, b: { n: 5 } })
    })

    test('that is overtaken every time ends in CONFLICT and writes nothing', async () => {
      await store.create(at('a'), { n: 0 })
      const work = store.transaction(
        async (tx) => {
          const found = await tx.get(at('a'))
          await store.update(at('a'), { n: found!.data.n + 1 }, { ifVersion: found!.version })
          tx.create(at('b'), { n: 1 })
        },
        { maxAttempts: 2 },
      )
      expect(await codeOf(work)).toBe('CONFLICT')
      expect(await read('b')).toBeUndefined()
    })

    test('sees one state of a document, however often it reads it', async () => {
      const version = await store.create(at('a'), { n: 1 })
      let runs = 0
      const seen = await store.transaction(async (tx) => {
        const first = await tx.get(at('a'))
        if (runs++ === 0) await store.update(at('a'), { n: 2 }, { ifVersion: version })
        return [first!.data.n, (await tx.get(at('a')))!.data.n]
      })
      expect(seen[0]).toBe(seen[1])
    })

    test('has no effect by an error it throws over a state that was overtaken', async () => {
      const version = await store.create(at('a'), { n: 1 })
      let runs = 0
      const answer = await store.transaction(async (tx) => {
        const found = await tx.get(at('a'))
        if (runs++ === 0) await store.update(at('a'), { n: 2 }, { ifVersion: version })
        if (found!.data.n === 1) throw new Error('a state that is gone')
        return found!.data.n
      })
      expect(answer).toBe(2)
    })

    /** Runs `fn` with what it reads at first of `a`; then, once, somebody else is faster. */
    const overtaken = (meanwhile: () => Promise<unknown>, fn: (tx: Transaction, a: number | undefined) => unknown) => {
      let runs = 0
      return store.transaction(async (tx) => {
        const found = await tx.get(at('a'))
        if (runs++ === 0) await meanwhile()
        await fn(tx, found?.data.n)
        return { runs, a: found?.data.n }
      })
    }
    const set = async (id: string, n: number) => store.update(at(id), { n }, { ifVersion: await versionOf(id) })

    test('does not create what it read as absent and another has created', async () => {
      const work = overtaken(
        () => store.create(at('a'), { n: 1 }),
        (tx, a) => a === undefined && tx.create(at('a'), { n: 7 }),
      )
      expect(await work).toEqual({ runs: 2, a: 1 })
      expect(await read('a')).toEqual({ n: 1 })
    })

    test('does not delete a state that it has not read', async () => {
      await store.create(at('a'), { n: 1 })
      const work = overtaken(
        () => set('a', 2),
        (tx, a) => a === 1 && tx.delete(at('a')),
      )
      expect(await work).toEqual({ runs: 2, a: 2 })
      expect(await read('a')).toEqual({ n: 2 })
    })

    test('that writes nothing sees one state of all it reads', async () => {
      for (const id of ['a', 'b']) await store.create(at(id), { n: 1 })
      let b: number | undefined
      const work = overtaken(
        async () => Promise.all([set('a', 2), set('b', 2)]),
        async (tx) => (b = (await tx.get(at('b')))?.data.n),
      )
      expect(await work).toEqual({ runs: 2, a: 2 })
      expect(b).toBe(2)
    })

    test('does not fail by a write that follows from a state that was overtaken', async () => {
      for (const id of ['a', 'b']) await store.create(at(id), { n: 1 })
      const work = overtaken(
        () => set('a', 2),
        (tx, a) => a === 1 && tx.create(at('b'), { n: 7 }),
      )
      expect(await work).toEqual({ runs: 2, a: 2 })
    })

    test('may create what it deletes, and replaces what it updates', async () => {
      await store.create(at('a'), { n: 1 })
      await store.transaction(async (tx) => {
        tx.delete(at('a'))
        tx.create(at('a'), { n: 2 })
        tx.update(at('a'), { n: 3 })
      })
      expect(await read('a')).toEqual({ n: 3 })
    })

    test('refuses to update what is absent', async () => {
      expect(await codeOf(store.transaction(async (tx) => tx.update(at('a'), { n: 1 })))).toBe('MISSING')
    })

    test('refuses to read after a write', async () => {
      const work = store.transaction(async (tx) => {
        tx.create(at('a'), { n: 1 })
        await tx.get(at('b'))
      })
      await expect(work).rejects.toThrow(TypeError)
    })

    test('refuses calls after its end', async () => {
      const tx = await store.transaction(async (tx) => tx)
      expect(() => tx.create(at('a'), { n: 1 })).toThrow(TypeError)
      await expect(tx.get(at('a'))).rejects.toThrow(TypeError)
    })
  })
}
