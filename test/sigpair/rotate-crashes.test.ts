import { noble } from '@tandem/ecdsa'
import {
  abortStage,
  backUpStaged,
  commitStage,
  type EpochRecord,
  loadForSigning,
  loadIdentity,
  openShare,
  readKey,
  readStage,
  type SigpairIdentity,
  type Stores,
} from '@tandem/sigpair'
import { createLog } from '@tandem/service'
import { limits, toHex } from '@tandem/wire'
import { sweepOnce } from '../../sigpair/src/sweep.ts'
import { seeded } from '../helpers/rng.ts'
import { beginNext, completeNext, nameOf, nextEpoch, recordOf, rotateRequest, rotateTo, stageNext } from './epochs.ts'
import { startKms, type TestKms } from './kms.ts'
import { type Death, mortal } from './mortal.ts'
import { begin, complete, intentFor, openWorld, OWNER, stage, type TestKey, testKey, type World } from './world.ts'

const log = createLog({ name: 'test', level: 'silent' })

// Sigpair dies at every durable write of a rotation, before it and after it, and another instance goes on: each time there is
// one epoch in force with its partner on the device, and everything else is erased.

let kms: TestKms
let world: World
let identity: SigpairIdentity

beforeAll(async () => {
  kms = await startKms()
  world = openWorld(kms.client, 'crashes')
  identity = await loadIdentity(world.stores)
})
afterAll(async () => {
  await world.close()
  await kms.stop()
})

const template = testKey(seeded('crashes'))

/** A READY key of its own for every history; dealing one takes longer than all the rest. */
async function readyKey(name: string): Promise<TestKey> {
  const keyId = seeded(name).fork('key id')(32)
  const shares = template.shares.map((share) => ({ ...share, keyId: keyId as (typeof share)['keyId'] }))
  const id = toHex(keyId)
  const key = { ...template, keyId: id, shares, stageId: seeded(name)(32), pair: { ...template.pair, keyId: id } }
  await begin(world, key)
  await stage(world, key)
  await complete(world, key)
  await commitStage(world.stores, { keyId: id, stageId: key.stageId, intent: intentFor(world, key, {}) })
  return key
}

/** The two slots of a device that follows the rules. */
type Device = { current: TestKey; stage: TestKey | null }

/** A whole rotation, until the instance dies. */
async function rotation(stores: Stores, device: Device, next: TestKey): Promise<void> {
  await beginNext({ stores }, next)
  await stage({ stores }, next)
  device.stage = next
  await backUpStaged(stores, nameOf(next), { recoveryKey: `0x02${'ab'.repeat(32)}`, ciphertext: world.rng(100) })
  await completeNext({ stores }, next)
  await rotateTo(stores, identity, next, rotateRequest(world, next))
  device.current = next
  device.stage = null
}

/** What the device does when it comes back: asks, and goes on or gives up. */
async function reconcile(stores: Stores, device: Device, then: 'goes on' | 'gives up'): Promise<void> {
  const { stage: open } = device
  if (!open) return
  const deps = { backend: noble, identity }
  let { fate } = await readStage(stores, deps, OWNER, nameOf(open))
  if (fate === 'staged' && then === 'goes on')
    fate = await rotateTo(stores, identity, open, rotateRequest(world, open)).then(
      () => 'committed' as const,
      () => 'staged' as const, // not acknowledged before the crash
    )
  if (fate === 'staged') ({ fate } = await abortStage(stores, deps, OWNER, nameOf(open)))
  expect(['committed', 'aborted']).toContain(fate)
  if (fate === 'committed') device.current = open
  device.stage = null
}

async function opens(key: TestKey, epoch: Pick<EpochRecord, 'epoch' | 'ssid' | 'share'>): Promise<boolean> {
  return openShare(world.stores, key.keyId, epoch).then(
    () => true,
    () => false,
  )
}

/** The sealed share of a stage as a thief of `parties` would have copied it, whenever it was there. */
async function stageOf(key: TestKey): Promise<EpochRecord | undefined> {
  return (await recordOf(world.stores, key)).stage?.held
}

async function check(device: Device, old: EpochRecord, staged: EpochRecord | undefined): Promise<void> {
  const { current } = device
  const view = (await readKey(world.stores, current.keyId))!
  expect(view.status).toBe('READY')
  expect(toHex(view.key.current!.stageId)).toBe(toHex(current.stageId))
  expect(view.key).toMatchObject({ begun: null, stage: null, opened: null })
  const { bytes } = await loadForSigning(world.stores, {
    ...{ keyId: current.keyId, epoch: current.pair.epoch, owner: OWNER },
  })
  expect([bytes.share, ...bytes.pairs].map(({ length }) => length)).toEqual([343, 3231])

  const rotated = current.pair.epoch === 1
  expect(await opens(current, old)).toBe(!rotated)
  if (staged) expect(await opens(current, staged)).toBe(rotated)
  for (const collection of ['retirements', 'stages', 'audit-outbox']) {
    const { docs } = await world.stores.parties.list(collection, { limit: 10, prefix: current.keyId })
    expect(docs).toEqual([])
  }
}

let writes = 0

test('a rotation without a crash writes this often', async () => {
  const key = await readyKey('no crash')
  const device = { current: key, stage: null }
  const next = nextEpoch(key, world.rng)
  const old = (await recordOf(world.stores, key)).current!
  const { stores, writes: counted } = mortal(world.instance())
  await rotation(stores, device, next)
  writes = counted()
  expect(writes).toBeGreaterThan(15)
  await check(device, old, undefined)
})

async function history(name: string, death: Death, then: 'goes on' | 'gives up'): Promise<void> {
  const key = await readyKey(name)
  const device: Device = { current: key, stage: null }
  const next = nextEpoch(key, world.rng)
  const old = (await recordOf(world.stores, key)).current!
  await expect(rotation(mortal(world.stores, death).stores, device, next)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  })

  const staged = await stageOf(key)
  await reconcile(world.stores, device, then)
  // what the device never heard of is nobody's but the sweep's
  world.clock.now += limits.PENDING_MS
  await sweepOnce(world.stores, log)
  await check(device, old, staged)

  const after = nextEpoch(device.current, world.rng)
  await stageNext(world, after)
  await rotateTo(world.stores, identity, after, rotateRequest(world, after))
  expect((await readKey(world.stores, key.keyId))?.key.current?.epoch).toBe(after.pair.epoch)
}

test.each([
  ['before', 'goes on'],
  ['before', 'gives up'],
  ['after', 'goes on'],
  ['after', 'gives up'],
] as const)(
  'Sigpair dies %s any write, and the device %s: one epoch is in force, all others are erased',
  async (when, then) => {
    for (let at = 1; at <= writes; at++) await history(`${when} ${at} ${then}`, { at, when }, then)
  },
  120_000,
)
