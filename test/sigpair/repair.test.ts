import { loadIdentity, openCheck, poison, readKey, recordFailure, type SigpairIdentity } from '@tandem/sigpair'
import { limits } from '@tandem/wire'
import { freeze } from '../../sigpair/src/keys/freeze.ts'
import { nextEpoch, recordOf, rotateRequest, rotateTo, stageNext } from './epochs.ts'
import { startKms, type TestKms } from './kms.ts'
import { openWorld, OWNER, readyKeyIn, type TestKey, type World } from './world.ts'

let kms: TestKms
let world: World
let identity: SigpairIdentity
let key: TestKey
let next: TestKey

beforeAll(async () => (kms = await startKms()))
afterAll(async () => kms.stop())
beforeEach(async () => {
  world = openWorld(kms.client, expect.getState().currentTestName ?? '')
  identity = await loadIdentity(world.stores)
  key = await readyKeyIn(world)
  next = nextEpoch(key, world.rng)
})
afterEach(async () => world.close())

const status = async () => (await readKey(world.stores, key.keyId))?.status
const record = async () => recordOf(world.stores, key)
const rotate = async (request = rotateRequest(world, next), stores = world.stores) =>
  rotateTo(stores, identity, next, request)

const again = async () => {
  key = next
  next = nextEpoch(key, world.rng)
}
const repair = () => rotateRequest(world, next, { repair: true })

test('a key that does not sign is put right by a repair, three times a day', async () => {
  for (let i = 0; i < limits.MAX_REPAIRS; i++) {
    await poison(world.stores, key.pair)
    await stageNext(world, next)
    await expect(rotate()).rejects.toMatchObject({ code: 'KEY_FROZEN', details: 'FROZEN' })
    const { rotation } = await rotate(repair())
    expect(rotation.reason).toBe('repair')
    expect(await status()).toBe('READY')
    await again()
  }
  await poison(world.stores, key.pair)
  await stageNext(world, next)
  await expect(rotate(repair())).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfter: 86_400 })
  expect(await status()).toBe('FROZEN')
  world.clock.now += limits.REPAIR_WINDOW_MS
  next = nextEpoch(key, world.rng)
  await stageNext(world, next)
  await expect(rotate(repair())).resolves.toMatchObject({ epoch: 4 })
})

test('a key heals from SUSPENDED and STALE too, and a rotation of a key that signs is no repair', async () => {
  for (let i = 0; i < 3; i++) await recordFailure(world.stores, key.pair)
  expect(await status()).toBe('SUSPENDED')
  await stageNext(world, next)
  await expect(rotate()).rejects.toMatchObject({ code: 'KEY_FROZEN', details: 'SUSPENDED' })
  await rotate(repair())
  await again()
  const checks = Array.from({ length: limits.MAX_OPEN_CHECKS }, () => world.rng(32))
  for (const run of checks) await openCheck(world.stores, key.pair, run)
  await expect(openCheck(world.stores, key.pair, world.rng(32))).rejects.toMatchObject({ details: 'STALE' })
  await stageNext(world, next)
  await rotate(repair())
  await again()
  await stageNext(world, next)
  expect((await rotate(repair())).rotation.reason).toBe('refresh')
  expect((await record()).repairs).toHaveLength(2)
})

test('a key is not healed by a rotation that was asked for before it was frozen', async () => {
  await stageNext(world, next)
  // between the first look at the key and the commit
  const request = rotateRequest(world, next)
  const { parties } = world.stores
  let frozen = false
  const slow = {
    ...world.stores,
    parties: {
      ...parties,
      transaction: async (...args: Parameters<typeof parties.transaction>) => {
        if (!frozen) await freeze(world.instance(), { keyId: key.keyId, owner: OWNER })
        frozen = true
        return parties.transaction(...args)
      },
    },
  } as typeof world.stores
  await rotate(request, slow)
  expect(frozen).toBe(true)
  expect(await status()).toBe('FROZEN')
})

test('a key is not put right by a staged pair whose OT check failed', async () => {
  await stageNext(world, next)
  await poison(world.stores, next.pair)
  await expect(rotate()).rejects.toMatchObject({ code: 'KEY_FROZEN', details: 'FROZEN' })
  expect(await status()).toBe('READY')
})
