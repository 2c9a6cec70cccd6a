import { spawn } from 'node:child_process'
import { mkdtempSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { KeyManagementServiceClient } from '@google-cloud/kms'
import { credentials } from '@grpc/grpc-js'
import { LOCAL_KEY } from '@tandem/local'
import { keyAt, loadIdentity, loadForSigning, pairAt, presignatureAt, createUsable, type Sealed } from '@tandem/sigpair'
import { DATABASES, type Doc, type Store } from '@tandem/store'
import { rewrapAll } from '../../sigpair/src/seal/rewrap.ts'
import { startKms, type TestKms } from './kms.ts'
import { openWorld, readyKeyIn, type TestKey, type World } from './world.ts'

let kms: TestKms
let admin: KeyManagementServiceClient
let world: World
let keys: readonly TestKey[]

const PRESIGNATURES = 5

beforeEach(async () => {
  kms = await startKms()
  const clientOptions = { universeDomain: 'googleapis.com' }
  const address = { apiEndpoint: '127.0.0.1', port: kms.port, projectId: 'local', clientOptions }
  admin = new KeyManagementServiceClient({ ...address, sslCreds: credentials.createInsecure() })
  world = openWorld(kms.client, 'rewrap')
  await loadIdentity(world.stores)
  keys = [await readyKeyIn(world, 'one'), await readyKeyIn(world, 'two')]
  await stock(keys[0]!)
})
afterEach(async () => {
  await world.close()
  await admin.close()
  await kms.stop()
})

async function stock({ pair }: TestKey): Promise<void> {
  const session = world.stores.sealer.session()
  const batch = Array.from({ length: PRESIGNATURES }, () => ({ id: world.rng(32), payload: world.rng(205) }))
  await createUsable(world.stores, session, pair, batch)
  session.end()
}

const versionName = (version: number) => `${LOCAL_KEY}/cryptoKeyVersions/${version}`

async function rotate(): Promise<void> {
  const [{ name }] = await admin.createCryptoKeyVersion({ parent: LOCAL_KEY })
  const cryptoKeyVersionId = name!.split('/').at(-1)!
  await admin.updateCryptoKeyPrimaryVersion({ name: LOCAL_KEY, cryptoKeyVersionId })
}

async function disable(version: number): Promise<void> {
  const cryptoKeyVersion = { name: versionName(version), state: 'DISABLED' as const }
  await admin.updateCryptoKeyVersion({ cryptoKeyVersion, updateMask: { paths: ['state'] } })
}

const rewrap = (options: Parameters<typeof rewrapAll>[1] = {}) =>
  rewrapAll({ ...world.stores, kms: kms.client }, options)

/** Every sealed value there is, found by another way than the job's: by its bytes, in every collection. */
async function allSealed(): Promise<readonly Sealed[]> {
  const found: Sealed[] = []
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
    if ('wrappedKey' in value) found.push(value as Sealed)
    else Object.values(value).forEach(look)
  }
  for (const doc of await everyDocument()) look(doc.data)
  return found
}

async function everyDocument(): Promise<readonly Doc[]> {
  const docs: Doc[] = []
  const { parties, presignatures } = world.stores
  const read = async (store: Store, collections: readonly string[]) => {
    for (const name of collections) docs.push(...(await store.list(name, { limit: 1_000 })).docs)
  }
  await read(parties, DATABASES.parties.collections)
  await read(presignatures, DATABASES.presignatures.collections)
  return docs
}

const keksOf = (all: readonly Sealed[]) => [...new Set(all.map(({ kek }) => kek))].toSorted()

/** As every reader does: in the context that he expects. */
async function expectEverythingOpens(): Promise<void> {
  await loadIdentity(world.instance())
  for (const { keyId, owner } of keys) {
    const loaded = await loadForSigning(world.stores, { keyId, owner, epoch: 0 })
    expect(loaded).toBeDefined()
  }
  const [first] = keys
  const pair = await world.stores.presignatures.get(pairAt(first!.pair))
  for (const id of pair!.data.stock) {
    const { data } = (await world.stores.presignatures.get(presignatureAt(first!.keyId, id)))!
    const context = { purpose: 'presignature', keyId: first!.keyId, epoch: 0 } as const
    expect(await world.stores.sealer.open(context, data.payload!)).toHaveLength(205)
  }
}

test('after a rotation everything is under the new version, and opens when the old one is disabled', async () => {
  const before = await allSealed()
  expect(keksOf(before)).toEqual([versionName(1)])
  await rotate()

  const done = await rewrap()
  expect(done).toMatchObject({
    primary: versionName(2),
    rewrapped: before.length,
    current: 0,
    failed: 0,
    complete: true,
  })
  const after = await allSealed()
  expect(after).toHaveLength(before.length)
  expect(keksOf(after)).toEqual([versionName(2)])
  await disable(1)
  await expectEverythingOpens()
})

test('repeated, it finds nothing to do and writes nothing', async () => {
  await rotate()
  const { rewrapped } = await rewrap()
  const versions = (await everyDocument()).map(({ version }) => version)
  expect(await rewrap()).toMatchObject({ rewrapped: 0, current: rewrapped, complete: true })
  expect((await everyDocument()).map(({ version }) => version)).toEqual(versions)
})

test('nothing but the seals changes: not a field, and not when a document dies', async () => {
  const bare = (docs: readonly Doc[]) =>
    docs.map(({ id, data, expireAt }) => ({
      id,
      expireAt,
      data: JSON.stringify(data, (k, v: unknown) => (isSeal(k) ? 0 : v)),
    }))
  const isSeal = (field: string) => ['kek', 'wrappedKey', 'iv', 'ciphertext'].includes(field)
  const before = bare(await everyDocument())
  await rotate()
  await rewrap()
  expect(bare(await everyDocument())).toEqual(before)
})

test('ended after any number of values and repeated, it brings the rest, and each value once', async () => {
  const all = (await allSealed()).length
  await rotate()
  let rewrapped = 0
  for (let runs = 0; ; runs++) {
    const done = await rewrap({ limit: 1 })
    rewrapped += done.rewrapped
    expect(done.current).toBeLessThanOrEqual(rewrapped)
    if (done.complete) break
    await expectEverythingOpens()
    expect(runs).toBeLessThan(all)
  }
  expect(rewrapped).toBe(all)
  expect(keksOf(await allSealed())).toEqual([versionName(2)])
})

test('a document that is written meanwhile keeps what was written', async () => {
  await rotate()
  const { parties } = world.stores
  const [{ keyId }] = keys as [TestKey]
  let meddled = 0
  const meddling: Store = {
    ...parties,
    update: async (at, data, options) => {
      if (at.collection === 'keys' && at.id === keyId && meddled++ < 2) {
        const found = (await parties.get(keyAt(keyId)))!
        const { version: ifVersion, expireAt } = found
        await parties.update(keyAt(keyId), { ...found.data, uses: found.data.uses + 100 }, { ifVersion, expireAt })
      }
      return parties.update(at, data, options)
    },
  }
  const done = await rewrapAll({ ...world.stores, parties: meddling, kms: kms.client })
  expect(done).toMatchObject({ overtaken: 0, complete: true })
  expect((await parties.get(keyAt(keyId)))!.data.uses).toBeGreaterThanOrEqual(200)
  expect(keksOf(await allSealed())).toEqual([versionName(2)])
})

test('a document that is written again and again is left for the next run', async () => {
  await rotate()
  const { parties } = world.stores
  const restless: Store = {
    ...parties,
    update: async (at, data, options) => {
      const found = (await parties.get(at))! as Doc
      await parties.update(at, found.data as never, { ifVersion: found.version, expireAt: found.expireAt })
      return parties.update(at, data, options)
    },
  }
  const done = await rewrapAll({ ...world.stores, parties: restless, kms: kms.client })
  expect(done).toMatchObject({ overtaken: 3, failed: 0, complete: false })
  expect(await rewrap()).toMatchObject({ complete: true })
})

test('what does not open is named, left as it is, and keeps the run from being complete', async () => {
  const [one, two] = keys as [TestKey, TestKey]
  const { parties } = world.stores
  const [theirs, ours] = [(await parties.get(keyAt(two.keyId)))!, (await parties.get(keyAt(one.keyId)))!]
  const current = { ...ours.data.current!, share: { ...ours.data.current!.share, iv: theirs.data.current!.share.iv } }
  await parties.update(keyAt(one.keyId), { ...ours.data, current }, { ifVersion: ours.version })
  await rotate()

  const named: string[] = []
  const done = await rewrap({ failure: (document) => void named.push(document) })
  expect(done).toMatchObject({ failed: 1, complete: false })
  expect(named).toEqual([`keys/${one.keyId}`])
  expect((await parties.get(keyAt(one.keyId)))!.data.current).toEqual(current)
})

test('a KMS that does not answer changes nothing, and is not asked for ever', async () => {
  await rotate()
  await disable(1)
  const done = await rewrap()
  expect(done).toMatchObject({ rewrapped: 0, complete: false })
  expect(keksOf(await allSealed())).toEqual([versionName(1)])
})

describe('as a command', () => {
  const main = join(import.meta.dirname, '../../sigpair/src/rewrap.ts')
  const keysList = `[{"kty":"OKP","crv":"Ed25519","x":"${'A'.repeat(43)}","kid":"${'B'.repeat(43)}"}]`

  /** The world's databases by the names that a Sigpair gives them. */
  function dataDirectory(): string {
    const folder = mkdtempSync(join(world.folder, 'sigpair-'))
    for (const name of ['parties', 'presignatures']) {
      symlinkSync(join(world.folder, `${name}.db`), join(folder, `${name}.sqlite`))
    }
    return folder
  }

  function command(...args: readonly string[]) {
    const env = {
      MODE: 'development',
      METADATA_SERVER_DETECTION: 'none',
      DATA_DIRECTORY: dataDirectory(),
      KMS_KEY: LOCAL_KEY,
      KMS_ENDPOINT: `http://127.0.0.1:${kms.port}`,
      FUNCTIONS_KEYS: keysList,
      DUO_NODE_KEYS: keysList,
    }
    return spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  }

  async function ended(child: ReturnType<typeof command>) {
    const said = { out: '', err: '' }
    child.stdout.on('data', (chunk) => (said.out += String(chunk)))
    child.stderr.on('data', (chunk) => (said.err += String(chunk)))
    const code = await new Promise((resolve) => child.once('close', (exit, signal) => resolve(signal ?? exit)))
    return { code, ...said }
  }

  const lastLine = (out: string) => JSON.parse(out.trimEnd().split('\n').at(-1)!) as object

  test('it ends with 1 while something is left, with 0 once nothing is, and tells no secret', async () => {
    await rotate()
    const first = await ended(command('--limit', '1'))
    expect(first.code).toBe(1)
    expect(lastLine(first.out)).toMatchObject({ event: 'rewrap.done', complete: false })
    const second = await ended(command())
    expect(second.code).toBe(0)
    expect(lastLine(second.out)).toMatchObject({ event: 'rewrap.done', complete: true, primary: versionName(2) })
    expect(first.out + second.out).not.toContain('ciphertext')
    await disable(1)
    await expectEverythingOpens()
  })

  test('killed in the middle and repeated, everything opens', async () => {
    await rotate()
    const child = command()
    const killed = ended(child)
    child.stdout.once('data', () => child.kill('SIGKILL'))
    expect(['SIGKILL', 0]).toContain((await killed).code)
    await expectEverythingOpens()
    expect((await ended(command())).code).toBe(0)
    await disable(1)
    await expectEverythingOpens()
  })

  test('a wrong argument or environment is said in a line', async () => {
    expect(await ended(command('--limit', 'many'))).toMatchObject({
      code: 1,
      err: 'rewrap: --limit: a count above zero\n',
    })
    expect((await ended(command('--help'))).out).toContain('--limit')
  })
})
