import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { openFirestore, openStore, ref, requireDurable, type Store } from '@tandem/store'
import { codeOf } from './contract-codes.ts'
import { freePort } from './emulator.ts'

const FIRESTORE = { kind: 'firestore', projectId: 'demo-open', databaseId: 'parties' } as const

test('a store is opened by its configuration', async () => {
  const store = await openStore({ kind: 'sqlite', path: ':memory:' }, { clock: () => 2_000 })
  await store.create(ref('things', 'a'), { n: 1 }, { expireAt: 2_000 })
  expect(await store.get(ref('things', 'a'))).toBeUndefined()
  await store.close()
})

describe('without a Firestore that answers', () => {
  const codesOf = async (store: Store) => {
    const calls = [
      store.get(ref('things', 'a')),
      store.create(ref('things', 'a'), {}),
      store.delete(ref('things', 'a')),
      store.list('things', { limit: 1 }),
      store.sweep(),
      store.transaction(async (tx) => tx.create(ref('things', 'a'), {})),
      store.transaction(async (tx) => tx.get(ref('things', 'a'))),
    ]
    return Promise.all(calls.map(codeOf))
  }
  const unavailable = Array.from({ length: 7 }, () => 'UNAVAILABLE')

  test('every call is UNAVAILABLE when nobody listens', async () => {
    const store = await openStore({ ...FIRESTORE, emulatorHost: `127.0.0.1:${await freePort()}` })
    expect(await codesOf(store)).toEqual(unavailable)
    await store.close()
  })

  test('every call is UNAVAILABLE in the end when somebody listens and says nothing', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => void sockets.push(socket.on('error', () => {}))).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as { readonly port: number }
    const store = await openFirestore({ ...FIRESTORE, emulatorHost: `127.0.0.1:${port}`, callMs: 200 })
    expect(await codesOf(store)).toEqual(unavailable)
    await store.close()
    for (const socket of sockets) socket.destroy()
    silent.close()
  })

  test('a real project is not opened on an emulator', async () => {
    const opening = openStore({ ...FIRESTORE, projectId: 'wallet-production', emulatorHost: '127.0.0.1:8085' })
    await expect(opening).rejects.toThrow(TypeError)
  })
})

describe('on Cloud Run', () => {
  const onCloudRun = { K_SERVICE: 'sigpair' }
  const file = { kind: 'sqlite', path: '/mnt/data/parties.sqlite' } as const

  test('Firestore is taken, and a file elsewhere', () => {
    expect(() => requireDurable(FIRESTORE, onCloudRun)).not.toThrow()
    expect(() => requireDurable(file, {})).not.toThrow()
  })

  test.each([
    ['a file, and no volume is named', undefined],
    ['a file beside the volume', '/mnt/dat'],
    ['a file above the volume', '/mnt/data/deeper'],
    ['the volume itself', '/mnt/data/parties.sqlite'],
  ])('refused: %s', (_, STORE_VOLUME) => {
    expect(() => requireDurable(file, { ...onCloudRun, STORE_VOLUME })).toThrow(TypeError)
  })

  test('a file on the named volume is taken', () => {
    expect(() => requireDurable(file, { ...onCloudRun, STORE_VOLUME: '/mnt/data/' })).not.toThrow()
  })
})

/** What a process prints that knows the store, and nothing of this machine's accounts. */
function printed(script: string): unknown {
  const args = ['--input-type=module', '-e', script, import.meta.filename]
  const cwd = resolve(import.meta.dirname, '..')
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', METADATA_SERVER_DETECTION: 'none' }
  return JSON.parse(execFileSync(process.execPath, args, { cwd, env, encoding: 'utf8' }))
}

test('without credentials Firestore is refused when it is opened, and nothing else falls', () => {
  const said = printed(`
    import { openStore } from '@tandem/store'
    const config = { kind: 'firestore', projectId: 'wallet-production', databaseId: 'parties' }
    console.log(JSON.stringify(await openStore(config).catch(({ code, message }) => ({ code, message }))))`)
  expect(said).toEqual({
    code: 'UNAVAILABLE',
    message: 'UNAVAILABLE: cannot connect to projects/wallet-production/databases/parties',
  })
})

test('whoever does not open Firestore does not load its client', () => {
  const loaded = printed(`
    import { createRequire } from 'node:module'
    import { openStore } from '@tandem/store'
    await (await openStore({ kind: 'sqlite', path: ':memory:' })).close()
    const files = Object.keys(createRequire(process.argv[1]).cache)
    console.log(JSON.stringify(files.filter((file) => /google|grpc/.test(file))))`)
  expect(loaded).toEqual([])
})
