import { loadIdentity, pairAt, readKey } from '@tandem/sigpair'
import { toHex } from '@tandem/wire'
import * as fc from 'fast-check'
import { createPool, type Pool } from '../../sigpair/src/compute/pool.ts'
import { createDevice } from '../helpers/device.ts'
import { ownerKey } from './care.ts'
import { type Model, RARE, recordOf, type Step, STEPS, take } from './care-steps.ts'
import { startKms, type TestKms } from './kms.ts'
import { openWorld, readyKeyIn } from './world.ts'

/**
 * Two devices and one key: the enrolled one, and one that opened the backup. Everything an owner may do with a key in force, in
 * any order, some of it at once, on two instances. Refusals are answers; whatever happens, the rules below hold.
 */
const step: fc.Arbitrary<Step> = fc.record({
  what: fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(...STEPS) },
    { weight: 1, arbitrary: fc.constantFrom(...RARE) },
  ),
  which: fc.nat(5),
  at: fc.constantFrom(0, 1),
})

/** What leads somewhere, with anything at all in between; one or two steps at a time. */
const moment = fc.array(step, { minLength: 1, maxLength: 2 })
const RESTORE = ['ask for a restore', 'begin a restore', 'store', 'complete', 'confirm a restore'] as const
const ROTATION = ['begin a rotation', 'store', 'complete', 'rotate'] as const
const history = fc
  .tuple(
    ...[...ROTATION, ...RESTORE, ...ROTATION].map((what) =>
      fc.record({
        before: fc.array(moment, { maxLength: 2 }),
        then: fc.option(fc.record({ what: fc.constant(what), which: fc.constant(0), at: fc.constantFrom(0, 1) }), {
          freq: 9,
        }),
        beside: fc.option(step, { freq: 2 }),
      }),
    ),
  )
  .map((parts): Step[][] =>
    parts.flatMap(({ before, then, beside }) => [...before, ...(then ? [[then, ...(beside ? [beside] : [])]] : [])]),
  )

let kms: TestKms
let pool: Pool
beforeAll(async () => {
  kms = await startKms()
  pool = createPool({ dialogues: 1, threads: 1 })
})
afterAll(async () => {
  await pool.close()
  await kms.stop()
})

/** Whoever is enrolled holds the other half of what is in force, and nothing else is left that could be. */
async function check(model: Model): Promise<void> {
  const { instances, devices, staged, seen } = model
  const record = await recordOf(model)
  for (const restoreId of model.confirmed) expect(model.cancelled).not.toContain(restoreId)
  if (seen.exported) expect(record.exportedAt).not.toBeNull()
  if (seen.deleted) expect(record.status).toBe('DELETED')
  seen.deleted ||= record.status === 'DELETED'
  const { current } = record
  if (!current) return expectErased(model)

  expect(current.epoch).toBeGreaterThanOrEqual(seen.epoch)
  seen.epoch = current.epoch
  const origin = staged.find(({ key }) => toHex(key.stageId) === toHex(current.stageId))
  const holder = origin?.key ?? devices[0]
  expect(record.device).toEqual(holder.device)
  const pair = await instances[0].presignatures.get(pairAt({ keyId: record.keyId, ssid: current.ssid }))
  expect(pair?.data.status).not.toBe('RETIRED')
  expect(pair?.data.epochKey).toBeTruthy()
  for (const { key } of [...staged, { key: devices[0] }]) {
    const dead = key.pair.epoch < current.epoch
    const other = dead ? await instances[0].presignatures.get(pairAt(key.pair)) : undefined
    if (other) expect(other.data).toMatchObject({ status: 'RETIRED', setup: null, epochKey: null })
  }
}

async function expectErased({ instances, devices }: Model): Promise<void> {
  const { keyId } = devices[0]
  const { docs } = await instances[0].presignatures.list('pairs', { prefix: `${keyId}:`, limit: 100 })
  for (const { data } of docs) expect(data).toMatchObject({ status: 'RETIRED', setup: null, epochKey: null })
  expect((await instances[0].parties.list('backups', { prefix: `${keyId}:`, limit: 10 })).docs).toEqual([])
  expect((await readKey(instances[0], keyId))?.status).toBe('DELETED')
}

async function open(): Promise<Model> {
  const world = openWorld(kms.client, 'care')
  const key = await readyKeyIn(world)
  const newcomer = createDevice(world.rng)
  const other = { ...key, device: newcomer.cnf, sign: newcomer.sign }
  return {
    world,
    instances: [world.stores, world.instance()],
    identity: await loadIdentity(world.stores),
    devices: [key, other],
    newcomer,
    pool,
    recoveryKey: ownerKey(world.rng).encryptionKey,
    ...{ staged: [], restores: [], exports: [], cancelled: new Set<string>(), confirmed: new Set<string>() },
    seen: { epoch: 0, exported: false, deleted: false },
  }
}

test('whatever an owner and a thief do, in any order and at once, one device and one epoch are in force', async () => {
  const ends = { restored: 0, rotated: 0, cancelled: 0, exported: 0 }
  await fc.assert(
    fc.asyncProperty(history, async (moments) => {
      const model = await open()
      try {
        for (const steps of moments) {
          await Promise.all(steps.map(async (each) => take(model, each)))
          await check(model)
        }
        if (model.confirmed.size > 0) ends.restored++
        if (model.seen.epoch > 0) ends.rotated++
        if (model.cancelled.size > 0) ends.cancelled++
        if (model.seen.exported) ends.exported++
      } finally {
        await model.world.close()
      }
    }),
    { seed: 20_261_121, numRuns: Number(process.env['FC_RUNS'] ?? 16) },
  )
  // the histories are worth something
  for (const count of Object.values(ends)) expect(count).toBeGreaterThan(1)
}, 300_000)
