import {
  openCheck,
  type PairRecord,
  pairAt,
  passCheck,
  poison,
  readKey,
  recordFailure,
  runAt,
  strike,
} from '@tandem/sigpair'
import { limits } from '@tandem/wire'
import { startKms, type TestKms } from './kms.ts'
import { openWorld, readyKeyIn, type TestKey, type World } from './world.ts'

let kms: TestKms
let world: World
let key: TestKey

beforeAll(async () => (kms = await startKms()))
afterAll(async () => kms.stop())
beforeEach(async () => {
  world = openWorld(kms.client, expect.getState().currentTestName ?? '')
  key = await readyKeyIn(world)
})
afterEach(async () => world.close())

const pairRecord = async (): Promise<PairRecord> => (await world.stores.presignatures.get(pairAt(key.pair)))!.data
const status = async () => (await readKey(world.stores, key.keyId))!.status
const frozen = (details: string) => ({ code: 'KEY_FROZEN', details })

test('S22 of 64 parallel checks that never pass at most eight are granted, and the pair is STALE', async () => {
  const instances = [world.stores, world.instance()]
  const runs = Array.from({ length: 64 }, (_, i) => openCheck(instances[i % 2]!, key.pair, world.rng(32)))
  const outcomes = await Promise.allSettled(runs)

  expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(limits.MAX_OPEN_CHECKS)
  expect(await pairRecord()).toMatchObject({ status: 'STALE', opened: limits.MAX_OPEN_CHECKS, passed: 0 })
  expect(await status()).toBe('STALE')
  await expect(openCheck(world.stores, key.pair, world.rng(32))).rejects.toMatchObject(frozen('STALE'))
})

test('S22 a check that was opened and never passed keeps its slot through any number of restarts', async () => {
  for (let crashes = 1; crashes <= limits.MAX_OPEN_CHECKS; crashes++) {
    await openCheck(world.instance(), key.pair, world.rng(32))
    expect(await pairRecord()).toMatchObject({ opened: crashes, passed: 0 })
  }
  await expect(openCheck(world.instance(), key.pair, world.rng(32))).rejects.toMatchObject(frozen('STALE'))
})

test('S22 checks that pass free their slots', async () => {
  for (let i = 0; i < 3 * limits.MAX_OPEN_CHECKS; i++) {
    const run = world.rng(32)
    await openCheck(world.stores, key.pair, run)
    await passCheck(world.stores, key.pair, run)
  }
  expect(await pairRecord()).toMatchObject({ status: 'ACTIVE', opened: 24, passed: 24 })
})

test('S22 a run passes once, and only if it was opened', async () => {
  const run = world.rng(32)
  await expect(passCheck(world.stores, key.pair, run)).rejects.toMatchObject({ code: 'PROTOCOL_ABORTED' })
  await openCheck(world.stores, key.pair, run)
  await passCheck(world.stores, key.pair, run)
  await expect(passCheck(world.stores, key.pair, run)).rejects.toMatchObject({ code: 'PROTOCOL_ABORTED' })
  expect(await pairRecord()).toMatchObject({ opened: 1, passed: 1 })
})

test('S22 a check in flight cannot pass once the pair is poisoned or out of slots', async () => {
  const run = world.rng(32)
  await openCheck(world.stores, key.pair, run)
  await poison(world.instance(), key.pair)
  await expect(passCheck(world.stores, key.pair, run)).rejects.toMatchObject(frozen('FROZEN'))

  const other = await readyKeyIn(world, 'other')
  const runs = Array.from({ length: limits.MAX_OPEN_CHECKS + 1 }, () => world.rng(32))
  for (const each of runs.slice(0, -1)) await openCheck(world.stores, other.pair, each)
  await expect(openCheck(world.stores, other.pair, runs.at(-1)!)).rejects.toMatchObject(frozen('STALE'))
  await expect(passCheck(world.stores, other.pair, runs[0]!)).rejects.toMatchObject(frozen('STALE'))
})

test('S2 a run that was begun is never begun again, on any instance, whether it passed or not', async () => {
  const [passed, open] = [world.rng(32), world.rng(32)]
  for (const run of [passed, open]) await openCheck(world.stores, key.pair, run)
  await passCheck(world.stores, key.pair, passed)

  for (const run of [passed, open]) {
    await expect(openCheck(world.instance(), key.pair, run)).rejects.toMatchObject({ code: 'PROTOCOL_ABORTED' })
  }
  expect(await pairRecord()).toMatchObject({ opened: 2, passed: 1 })
})

test('S2 of parallel openings of one run one is granted', async () => {
  const run = world.rng(32)
  const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => openCheck(world.instance(), key.pair, run)))
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect((await world.stores.presignatures.get(runAt(key.pair, run)))?.data.passed).toBe(false)
})

test('S1 a pair that is poisoned opens no check', async () => {
  await poison(world.stores, key.pair)
  await expect(openCheck(world.stores, key.pair, world.rng(32))).rejects.toMatchObject(frozen('FROZEN'))
  expect(await pairRecord()).toMatchObject({ opened: 0 })
})

test('poison erases the setup, shows FROZEN, and may be repeated', async () => {
  await poison(world.stores, key.pair)
  await poison(world.instance(), key.pair)
  expect(await pairRecord()).toMatchObject({ status: 'POISONED', setup: null, stock: [] })
  expect(await status()).toBe('FROZEN')
})

test('the third strike in 24 hours suspends the key, and old ones do not count', async () => {
  const day = limits.STRIKE_WINDOW_MS
  await strike(world.stores, key.pair)
  world.clock.now += day
  await strike(world.stores, key.pair)
  await strike(world.stores, key.pair)
  expect(await status()).toBe('READY')
  world.clock.now += day - 1
  await strike(world.stores, key.pair)
  expect(await status()).toBe('SUSPENDED')
  await expect(openCheck(world.stores, key.pair, world.rng(32))).rejects.toMatchObject(frozen('SUSPENDED'))
})

test('the third signature in an hour that does not verify suspends the key', async () => {
  const hour = 3_600_000
  for (const wait of [hour, 0, hour - 1]) {
    await recordFailure(world.stores, key.pair)
    expect(await status()).toBe('READY')
    world.clock.now += wait
  }
  await recordFailure(world.stores, key.pair)
  expect(await status()).toBe('SUSPENDED')
})

test('strikes on a poisoned pair leave it poisoned', async () => {
  await poison(world.stores, key.pair)
  for (let i = 0; i < 4; i++) await strike(world.stores, key.pair)
  expect(await status()).toBe('FROZEN')
})
