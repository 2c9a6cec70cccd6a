import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { noble } from '@tandem/ecdsa'
import {
  commitStage,
  consume,
  createUsable,
  loadForSigning,
  pairAt,
  prepareSession,
  readKey,
  type Stores,
} from '@tandem/sigpair'
import { dealPresignature } from './deal-presignature.ts'
import { startKms, type TestKms } from './kms.ts'
import {
  begin,
  complete,
  intentFor,
  openWorld,
  OWNER,
  readyKeyIn,
  stage,
  type TestKey,
  testKey,
  type World,
} from './world.ts'

let kms: TestKms
let world: World

beforeAll(async () => (kms = await startKms()))
afterAll(async () => kms.stop())
beforeEach(() => {
  world = openWorld(kms.client, expect.getState().currentTestName ?? '')
})
afterEach(async () => world.close())

const parties = () => join(world.folder, 'parties.db')
const stale = { code: 'KEY_FROZEN', details: 'STALE' }

/** As an operator makes it, while everything runs. */
function backUp(): string {
  const copy = join(world.folder, 'backup.db')
  const db = new DatabaseSync(parties())
  db.exec(`VACUUM INTO '${copy}'`)
  db.close()
  return copy
}

/** Everything stopped, the file of the key records replaced, and an instance started. */
async function restore(copy: string): Promise<Stores> {
  await world.stores.parties.close()
  copyFileSync(copy, parties())
  return world.instance()
}

let sessions = 0

async function prepare(stores: Stores, key: TestKey) {
  const sessionId = `ses_${String(sessions++).padStart(22, '0')}`
  const payload = { kind: 'message', message: 'hello' } as const
  const request = { sessionId, keyId: key.keyId, path: [], payload }
  return prepareSession(stores, { backend: noble, rng: world.rng }, OWNER, request)
}

/** Prepares a session and consumes a presignature for it. */
async function use(key: TestKey): Promise<void> {
  const { stores } = world
  const { sessionId, use } = await prepare(stores, key)
  const dealt = dealPresignature(key, world.rng.fork(sessionId))
  await createUsable(stores, stores.sealer, key.pair, [dealt.sigpair()])
  await consume(stores, { pair: key.pair, id: dealt.id, sessionId, use, owner: OWNER, claim: { kind: 'message' } })
}

const claim = (key: TestKey) => ({ keyId: key.keyId, epoch: 0, owner: OWNER })

test('L11 an older copy of the key records signs nothing: the key is STALE, durably', async () => {
  const key = await readyKeyIn(world)
  await use(key)
  const copy = backUp()
  await use(key)

  const restored = await restore(copy)
  expect((await readKey(restored, key.keyId))?.status).toBe('STALE')
  await expect(prepare(restored, key)).rejects.toMatchObject(stale)
  await expect(loadForSigning(restored, claim(key))).rejects.toMatchObject(stale)
  expect((await restored.presignatures.get(pairAt(key.pair)))?.data.status).toBe('STALE')
})

test('L11 a restored key cannot be used until its counter has caught up', async () => {
  const key = await readyKeyIn(world)
  const copy = backUp()
  await use(key)
  const restored = await restore(copy)
  for (let i = 0; i < 3; i++) await expect(prepare(restored, key)).rejects.toMatchObject(stale)
  expect((await readKey(restored, key.keyId))?.key.uses).toBe(1)
})

test('L11 a commit that a restore undid is not repeated', async () => {
  const key = testKey(world.rng)
  await begin(world, key)
  await stage(world, key)
  await complete(world, key)
  const copy = backUp()
  const intent = intentFor(world, key, {})
  await commitStage(world.stores, { keyId: key.keyId, stageId: key.stageId, intent })

  const restored = await restore(copy)
  expect((await readKey(restored, key.keyId))?.status).toBe('STALE')
  const again = commitStage(restored, { keyId: key.keyId, stageId: key.stageId, intent })
  await expect(again).rejects.toMatchObject(stale)
})

test('L11 a dialogue is enough for a restore to be noticed', async () => {
  const key = await readyKeyIn(world)
  const copy = backUp()
  await prepare(world.stores, key)
  await loadForSigning(world.stores, claim(key))
  const restored = await restore(copy)
  expect((await readKey(restored, key.keyId))?.status).toBe('STALE')
})

test('a restore that undid nothing about a key leaves it READY', async () => {
  const key = await readyKeyIn(world)
  await use(key)
  const restored = await restore(backUp())
  expect((await readKey(restored, key.keyId))?.status).toBe('READY')
  await expect(prepare(restored, key)).resolves.toBeDefined()
})

test('a key that is used while it is looked at is not taken for a restored one', async () => {
  const key = await readyKeyIn(world)
  const looks = Array.from({ length: 20 }, async () => (await readKey(world.instance(), key.keyId))?.status)
  const uses = Array.from({ length: 5 }, async () => use(key))
  await Promise.all(uses)
  expect(new Set(await Promise.all(looks))).toEqual(new Set(['READY']))
  expect((await readKey(world.stores, key.keyId))?.status).toBe('READY')
})
