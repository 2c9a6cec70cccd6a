import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningFirestore } from '@tandem/local'
import { openFirestore, openStore, ref, type Store } from '@tandem/store'
import { contract } from './contract.ts'
import { codeOf, type Counter } from './contract-codes.ts'
import { describeFirestore, emulatorForTests, freePort, freshProject, ownEmulator } from './emulator.ts'
import { child, killWriter, race } from './processes.ts'
import { openWire, type Wire } from './wire.ts'

const START_MS = 90_000

/** The emulator has its own idea of speed. */
const CALL_MS = 20_000

describeFirestore('the Firestore engine', () => {
  let folder: string
  let emulator: RunningFirestore
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-firestore-'))
    emulator = await emulatorForTests(join(folder, 'emulator.log'))
  }, START_MS)
  afterAll(async () => {
    await emulator.stop()
    rmSync(folder, { recursive: true })
  })

  const open = (projectId: string, emulatorHost = emulator.host) =>
    openFirestore({ projectId, emulatorHost, callMs: CALL_MS, clock: () => 1_000 })

  contract('Firestore', {
    maxAttempts: 30,
    open: async () => {
      let now = 0
      const options = { projectId: freshProject(), emulatorHost: emulator.host, clock: () => now, callMs: CALL_MS }
      return { store: await openFirestore(options), setTime: (ms) => void (now = ms) }
    },
  })

  describe('a document in Firestore', () => {
    let project: string
    let store: Store
    beforeEach(async () => {
      project = freshProject()
      store = await open(project)
    })
    afterEach(() => store.close())

    const at = ref<Counter>('counters', 'a')

    /** By Firestore's other interface, without our code. */
    const rest = async (path: string, init: RequestInit = {}) => {
      const url = `http://${emulator.host}/v1/projects/${project}/databases/(default)/documents/${path}`
      const answer = await fetch(url, { ...init, headers: { authorization: 'Bearer owner' } })
      expect(answer.ok).toBe(true)
      return (await answer.json()) as { readonly fields: object; readonly updateTime: string }
    }

    test('holds bytes as bytes, and its end as the timestamp that a TTL policy reads', async () => {
      await store.create(ref('things', 'a/b'), { bytes: Uint8Array.of(1, 2, 255) }, { expireAt: 1_700_000_000_123 })
      expect((await rest('things/a.sb')).fields).toEqual({
        data: { mapValue: { fields: { bytes: { bytesValue: 'AQL/' } } } },
        expireAt: { timestampValue: '2023-11-14T22:13:20.123Z' },
        stamp: { bytesValue: expect.stringMatching(/^[A-Za-z0-9+/]{11}=$/) },
      })
    })

    test('loses its end when it is replaced by one without', async () => {
      const version = await store.create(at, { n: 1 }, { expireAt: 5_000 })
      await store.update(at, { n: 1 }, { ifVersion: version })
      expect(Object.keys((await rest('counters/a')).fields).toSorted()).toEqual(['data', 'stamp'])
    })

    test('is at no version that another engine gave', async () => {
      await store.create(at, { n: 1 })
      const ifVersion = '17' as Awaited<ReturnType<Store['create']>>
      expect(await codeOf(store.update(at, { n: 2 }, { ifVersion }))).toBe('CONFLICT')
      expect(await codeOf(store.delete(at, { ifVersion }))).toBe('CONFLICT')
    })

    test('of another program is UNAVAILABLE, not an empty document', async () => {
      await rest('counters/a', { method: 'PATCH', body: JSON.stringify({ fields: { n: { integerValue: '1' } } }) })
      expect(await codeOf(store.get(at))).toBe('UNAVAILABLE')
    })

    test('takes what the limit leaves beside the longest name, and not a byte more', async () => {
      const roomy = ref('things', '\u754c'.repeat(500))
      const most = 1_048_576 - 256 - '/things/'.length - 1_500 - 'bytes'.length - 1
      await store.create(roomy, { bytes: new Uint8Array(most) })
      expect(((await store.get(roomy))!.data['bytes'] as Uint8Array).length).toBe(most)
      await expect(store.create(roomy, { bytes: new Uint8Array(most + 1) })).rejects.toThrow(RangeError)
    })

    test('that transactions only read lets ten of them pass at once, and none when it was overtaken', async () => {
      const version = await store.create(at, { n: 1 })
      const beside = (id: string, meanwhile: () => Promise<unknown>) =>
        store.transaction(
          async (tx) => {
            const found = await tx.get(at)
            await meanwhile()
            tx.create(ref<Counter>('copies', id), found!.data)
          },
          { maxAttempts: 1 },
        )
      await Promise.all(Array.from({ length: 10 }, (_, i) => beside(String(i), async () => {})))
      expect((await store.list('copies', { limit: 20 })).docs).toHaveLength(10)

      const overtake = () => store.update(at, { n: 2 }, { ifVersion: version })
      expect(await codeOf(beside('late', overtake))).toBe('CONFLICT')
      expect(await store.get(ref('copies', 'late'))).toBeUndefined()
      // And it no longer holds the document
      await store.update(at, { n: 3 }, { ifVersion: (await store.get(at))!.version })
    })

    test('is listed in the order of its id, with every character that ids of Firestore cannot have', async () => {
      const ids = ['-', '.', '..', './', '.d', '.s', '/', '/.', '//', '0', '^', '^c', '^u', '_', '__', '__x__', '`']
      await Promise.all(ids.toReversed().map((id) => store.create(ref('odd', id), {})))
      const listed = async (query: { prefix?: string; after?: string }) =>
        (await store.list('odd', { limit: 50, ...query })).docs.map(({ id }) => id)
      expect(await listed({})).toEqual(ids)
      for (const one of ids) {
        expect(await listed({ prefix: one })).toEqual(ids.filter((id) => id.startsWith(one)))
        expect(await listed({ after: one })).toEqual(ids.slice(ids.indexOf(one) + 1))
      }
    })

    test('is found behind more expired ones than a page holds', async () => {
      const expired = ['a', 'b', 'c', 'd', 'e', 'g']
      await Promise.all(expired.map((id) => store.create(ref('mixed', id), {}, { expireAt: 500 })))
      for (const id of ['f', 'h']) await store.create(ref('mixed', id), {})
      expect(await store.list('mixed', { limit: 1 })).toMatchObject({ docs: [{ id: 'f' }], next: 'f' })
      expect(await store.list('mixed', { limit: 1, after: 'f' })).toMatchObject({
        docs: [{ id: 'h' }],
        next: undefined,
      })
    })

    test('is in one database, and in no other of the same project', async () => {
      const config = { kind: 'firestore', projectId: project, emulatorHost: emulator.host } as const
      const [one, other] = await Promise.all(
        (['parties', 'presignatures'] as const).map((databaseId) => openStore({ ...config, databaseId })),
      )
      await one!.create(at, { n: 1 })
      expect([await one!.get(at), await other!.get(at), await store.get(at)].map((doc) => doc?.data.n)).toEqual([
        1,
        undefined,
        undefined,
      ])
      await Promise.all([one!.close(), other!.close()])
    })

    test('is swept up to a limit', async () => {
      await Promise.all(['a', 'b', 'c'].map((id) => store.create(ref('old', id), {}, { expireAt: 500 })))
      await store.create(ref('older', 'd'), {}, { expireAt: 400 })
      expect([await store.sweep(3), await store.sweep(3), await store.sweep(3)]).toEqual([3, 1, 0])
    })
  })

  describe('when an answer is lost', () => {
    const at = ref<Counter>('counters', 'a')
    let wire: Wire
    let near: Store
    let far: Store
    beforeEach(async () => {
      wire = await openWire(emulator.host)
      const project = freshProject()
      near = await open(project)
      far = await open(project, wire.host)
      await near.create(at, { n: 0 })
      await far.get(at)
    })
    afterEach(async () => {
      await Promise.all([near.close(), far.close()])
      await wire.close()
    })

    const until = async (holds: () => Promise<boolean>) => {
      while (!(await holds())) await sleep(10)
    }
    const count = async () => (await near.get(at))!.data.n

    test('a transaction is UNAVAILABLE and has happened once', async () => {
      let runs = 0
      const work = far.transaction(async (tx) => {
        const found = await tx.get(at)
        runs++
        wire.loseAnswers()
        tx.update(at, { n: found!.data.n + 1 })
      })
      await until(async () => (await count()) === 1)
      wire.cut()
      expect(await codeOf(work)).toBe('UNAVAILABLE')
      await far.get(at)
      expect({ runs, n: await count() }).toEqual({ runs: 1, n: 1 })
    })

    test('a create is UNAVAILABLE, and does not meet its own document', async () => {
      const other = ref<Counter>('counters', 'b')
      wire.loseAnswers()
      const work = far.create(other, { n: 7 })
      await until(async () => (await near.get(other)) !== undefined)
      wire.cut()
      expect(await codeOf(work)).toBe('UNAVAILABLE')
    })

    test('a read is made again', async () => {
      wire.loseAnswers()
      const reading = far.get(at)
      await wire.asked()
      wire.cut()
      expect((await reading)?.data).toEqual({ n: 0 })
    })
  })

  describe('of two processes', () => {
    const database = () =>
      ({ kind: 'firestore', projectId: freshProject(), databaseId: '(default)', emulatorHost: emulator.host }) as const

    test('none loses an update, and each create has one winner', async () => {
      await race(database(), 20)
    })

    test('one that is killed leaves what it committed, and nothing half', async () => {
      await killWriter(database(), 5)
    })
  })

  const testOwn = ownEmulator ? test : test.skip
  testOwn('the emulator ends with whoever started it, however that ends', async () => {
    const port = await freePort()
    const starter = child('starter.ts', String(port))
    const [said] = await once(starter.stdout!, 'data')
    expect(String(said)).toBe('true')
    const answers = async () => fetch(`http://127.0.0.1:${port}/`).then(Boolean, () => false)
    while (await answers()) await sleep(50)
  })
})
