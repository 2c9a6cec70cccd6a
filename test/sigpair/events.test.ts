import {
  acknowledgeEvents,
  acknowledgeEventsUpTo,
  failKeygen,
  keyAt,
  listEvents,
  notePairStopped,
  poison,
  readEventCursor,
  relayPairEvents,
  strike,
  writeEvent,
} from '@tandem/sigpair'
import { limits, toHex } from '@tandem/wire'
import { startKms, type TestKms } from './kms.ts'
import { begin, complete, openWorld, OWNER, readyKeyIn, stage, START, testKey, type World } from './world.ts'

let kms: TestKms
let world: World

beforeAll(async () => (kms = await startKms()))
afterAll(async () => kms.stop())
beforeEach(() => (world = openWorld(kms.client, expect.getState().currentTestName ?? '')))
afterEach(async () => world.close())

const pending = async () => (await listEvents(world.stores, { limit: 100 })).events
const types = async () => (await pending()).map(({ type }) => type)

test('a key that is generated and committed is told of twice, in order', async () => {
  const key = await readyKeyIn(world)
  const [first, second, ...more] = await pending()
  expect(more).toEqual([])
  const common = { keyId: key.keyId, owner: OWNER, epoch: 0, publicKey: toHex(key.shares[0]!.publicKey) }
  expect(first).toMatchObject({ type: 'key.pending', data: { ...common, status: 'PENDING', seq: START } })
  expect(second).toMatchObject({ type: 'key.ready', data: { ...common, status: 'READY', seq: START + 1 } })
  expect(first!.id).not.toBe(second!.id)
})

test('what is repeated is told once', async () => {
  const key = testKey(world.rng)
  await begin(world, key)
  await stage(world, key)
  await Promise.all([complete(world, key), complete({ stores: world.instance() }, key), complete(world, key)])
  expect(await types()).toEqual(['key.pending'])
})

test('a transaction that fails tells nothing', async () => {
  const key = testKey(world.rng)
  await begin(world, key)
  await stage(world, key)
  await expect(complete(world, { ...key, stageId: world.rng(32) })).rejects.toMatchObject({ code: 'KEY_BUSY' })
  await failKeygen(world.stores, key.keyId)
  await relayPairEvents(world.stores)
  expect(await types()).toEqual([])
})

test('a poisoned pair is told of as a frozen key, once, whoever looks', async () => {
  const key = await readyKeyIn(world)
  await poison(world.stores, key.pair)
  await Promise.all([relayPairEvents(world.stores), relayPairEvents(world.instance()), relayPairEvents(world.stores)])
  const events = await pending()
  expect(events.map(({ type }) => type)).toEqual(['key.pending', 'key.ready', 'key.frozen'])
  expect(events[2]!.data.status).toBe('FROZEN')
})

test('the strike that suspends a key is told of, the ones before are not', async () => {
  const key = await readyKeyIn(world)
  for (let i = 1; i < limits.MAX_STRIKES; i++) await strike(world.stores, key.pair)
  await relayPairEvents(world.stores)
  expect(await types()).toEqual(['key.pending', 'key.ready'])
  await strike(world.stores, key.pair)
  await relayPairEvents(world.stores)
  expect((await pending())[2]).toMatchObject({ type: 'key.frozen', data: { status: 'SUSPENDED' } })
})

test('a note that was relayed and not erased, because of a crash, is not relayed again', async () => {
  const key = await readyKeyIn(world)
  await poison(world.stores, key.pair)
  const crashing = { ...world.stores.presignatures, delete: () => Promise.reject(new Error('killed')) }
  await expect(relayPairEvents({ ...world.stores, presignatures: crashing })).rejects.toThrow('killed')
  await relayPairEvents(world.stores)
  expect(await types()).toEqual(['key.pending', 'key.ready', 'key.frozen'])
})

test('a note of a pair whose key goes on is no event', async () => {
  const key = await readyKeyIn(world)
  await world.stores.presignatures.transaction(async (tx) => notePairStopped(tx, key.pair))
  await relayPairEvents(world.stores)
  expect(await types()).toEqual(['key.pending', 'key.ready'])
})

test('an acknowledged event is gone, however often it is acknowledged', async () => {
  await readyKeyIn(world)
  const [first, second] = await pending()
  for (let i = 0; i < 2; i++) await acknowledgeEvents(world.stores, { events: [first!.data] })
  expect(await pending()).toEqual([second])
})

test('pages go from key to key', async () => {
  for (const name of ['a', 'b', 'c']) await readyKeyIn(world, name)
  const all = await pending()
  const first = await listEvents(world.stores, { limit: 4 })
  const rest = await listEvents(world.stores, { limit: 4, after: first.next })
  expect([...first.events, ...rest.events]).toEqual(all)
  expect(rest.next).toBeUndefined()
})

test('seq goes up when the clock stands still or goes back, and after a database that was restored', async () => {
  const key = await readyKeyIn(world)
  const write = async () =>
    world.stores.parties.transaction(async (tx) => {
      await tx.get(keyAt(key.keyId))
      const { keyId, owner } = key
      const about = { keyId, owner, epoch: 0, status: 'READY' as const, publicKey: `0x${'02'.repeat(33)}` }
      writeEvent(tx, await readEventCursor(tx, keyId), { type: 'key.exported', ...about }, world.clock.now)
    })
  world.clock.now = START - 5_000
  await write()
  world.clock.now = START + 60_000
  await write()
  expect((await pending()).map(({ data }) => data.seq - START)).toEqual([0, 1, 2, 60_000])
})

test('beside other members, what came before an acknowledged number is erased too, of that key alone', async () => {
  const key = await readyKeyIn(world)
  const other = await readyKeyIn(world, 'another key')
  await poison(world.stores, key.pair)
  await relayPairEvents(world.stores)
  const [first, second, third] = (await pending()).filter(({ data }) => data.keyId === key.keyId)
  const between = { keyId: key.keyId, seq: third!.data.seq - 1 }
  expect(between.seq).toBeGreaterThanOrEqual(second!.data.seq)
  expect(first!.data.seq).toBeLessThan(between.seq)
  for (const _ of ['once', 'again']) await acknowledgeEventsUpTo(world.stores, { events: [between] })
  const left = await pending()
  expect(left.filter(({ data }) => data.keyId === key.keyId)).toEqual([third])
  expect(left.filter(({ data }) => data.keyId === other.keyId)).toHaveLength(2)
})
