import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { noble } from '@tandem/ecdsa'
import {
  abortOldStages,
  abortStage,
  loadIdentity,
  openShare,
  pairAt,
  readKey,
  readStage,
  type SigpairIdentity,
  type Stores,
} from '@tandem/sigpair'
import { limits } from '@tandem/wire'
import { beginNext, nameOf, nextEpoch, recordOf, rotateRequest, rotateTo, stageNext } from './epochs.ts'
import { startKms, type TestKms } from './kms.ts'
import { openWorld, OWNER, readyKeyIn, type TestKey, type World } from './world.ts'

// A copy of `parties` from before a rotation: it must not bring a dead share back, nor let anybody erase the living one.

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

const parties = () => join(world.folder, 'parties.db')
const deps = () => ({ backend: noble, identity })
const rotate = async (stores: Stores, change: Parameters<typeof rotateRequest>[2] = {}) =>
  rotateTo(stores, identity, next, rotateRequest(world, next, change))
const nextPair = async () => (await world.stores.presignatures.get(pairAt(next.pair)))?.data

function copyParties(): string {
  const copy = join(world.folder, 'copy.db')
  const db = new DatabaseSync(parties())
  db.exec(`VACUUM INTO '${copy}'`)
  db.close()
  return copy
}

async function restore(copy: string): Promise<Stores> {
  await world.stores.parties.close()
  copyFileSync(copy, parties())
  return world.instance()
}

/** A rotation, then the record as it was just before its commit. */
async function undone(): Promise<Stores> {
  await stageNext(world, next)
  const copy = copyParties()
  await rotate(world.stores)
  return restore(copy)
}

test('a restored share of a dead epoch does not open, and the key is STALE', async () => {
  const restored = await undone()
  expect((await readKey(restored, key.keyId))?.status).toBe('STALE')
  const { current } = await recordOf(restored, key)
  expect(current?.epoch).toBe(0)
  await expect(openShare(restored, key.keyId, current!)).rejects.toMatchObject({ code: 'INVALID_KEY_SHARE' })
})

test('L11 a restored record says of no stage that it is dead', async () => {
  const restored = await undone()
  const { aborted, fate } = await readStage(restored, deps(), OWNER, nameOf(next))
  expect({ aborted, fate }).toEqual({ fate: 'unknown', aborted: undefined })
  // nor of one it has never heard of
  const other = nextEpoch(key, world.rng)
  expect(await readStage(restored, deps(), OWNER, nameOf(other))).toMatchObject({ fate: 'unknown' })
})

test('L11 nothing erases a stage that is in force with the device: not the device, not another dialogue, not the sweep', async () => {
  const restored = await undone()
  const frozen = { code: 'KEY_FROZEN', details: 'STALE' }
  await expect(abortStage(restored, deps(), OWNER, nameOf(next))).rejects.toMatchObject(frozen)
  await expect(beginNext({ stores: restored }, nextEpoch(key, world.rng))).rejects.toMatchObject(frozen)
  world.clock.now += limits.PENDING_MS
  expect(await abortOldStages(restored)).toBe(1)
  expect(await nextPair()).toMatchObject({ status: 'ACTIVE', epochKey: { kek: expect.any(String) } })
})

test('the commit that a restore undid can be made again, and heals the key', async () => {
  const restored = await undone()
  await rotate(restored, { repair: true })
  const { status, key: after } = (await readKey(restored, key.keyId))!
  expect({ status, epoch: after.current?.epoch }).toEqual({ status: 'READY', epoch: 1 })
  await expect(openShare(restored, key.keyId, after.current!)).resolves.toHaveLength(343)
})

test('a stage that was aborted does not come back with a copy', async () => {
  await stageNext(world, next)
  const copy = copyParties()
  await abortStage(world.stores, deps(), OWNER, nameOf(next))
  const restored = await restore(copy)
  const { stage } = await recordOf(restored, key)
  await expect(openShare(restored, key.keyId, stage!.held)).rejects.toMatchObject({ code: 'INVALID_KEY_SHARE' })
  await expect(rotate(restored)).rejects.toMatchObject({ code: 'EPOCH_MISMATCH' })
  expect((await readKey(restored, key.keyId))?.status).toBe('READY')
})
