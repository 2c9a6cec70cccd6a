import { ed25519 } from '@noble/curves/ed25519.js'
import { abortStatement, closeStage, commitStatement, type DeviceKey, noble, openStage } from '@tandem/ecdsa'
import { keyId as asKeyId, UsageError } from '@tandem/rounds'
import { createLog } from '@tandem/service'
import {
  abortStage,
  type EpochRecord,
  loadForSigning,
  loadIdentity,
  openShare,
  readKey,
  readStage,
  type SigpairIdentity,
  type Stores,
} from '@tandem/sigpair'
import { StoreError } from '@tandem/store'
import { fromHex, type KeyRotateRequest, limits, type StageResponse, toHex, WireError } from '@tandem/wire'
import * as fc from 'fast-check'
import { sweepOnce } from '../../sigpair/src/sweep.ts'
import { beginNext, completeNext, nameOf, nextEpoch, recordOf, rotateRequest, rotateTo } from './epochs.ts'
import { startKms, type TestKms } from './kms.ts'
import { type Death, mortal } from './mortal.ts'
import { openWorld, OWNER, readyKeyIn, stage, type TestKey, type World } from './world.ts'

/**
 * Rotation as a state machine: a device that follows the rules, two instances of the real Sigpair of which either may die at
 * any write, and a network that loses, repeats and delays. Every step may come at any time and any number of times.
 */
const STEPS = [
  'begin', // the device opens a dialogue
  'sigpair stages', // everything verified; the acknowledgement may be lost
  'device stages',
  'acknowledge', // arrives at Sigpair, perhaps late
  'send commit',
  'deliver commit',
  'send abort',
  'deliver abort',
  'ask',
  'hear', // an answer arrives, perhaps an old one
  'sweep',
  'a day passes',
] as const

type Step = {
  readonly what: (typeof STEPS)[number]
  /** which dialogue or message, from the last one back */
  readonly which: number
  readonly instance: number
  readonly death: Death | null
}

const stepOf = (what: fc.Arbitrary<Step['what']>): fc.Arbitrary<Step> =>
  fc.record({
    what,
    which: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(3)),
    instance: fc.nat(1),
    death: fc.option(fc.record({ at: fc.integer({ min: 1, max: 8 }), when: fc.constantFrom('before', 'after') }), {
      freq: 12,
    }),
  })

const anything = stepOf(
  fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(...STEPS.slice(0, -1)) },
    { weight: 1, arbitrary: fc.constant('a day passes' as const) },
  ),
)

const GOOD = [
  'begin',
  'sigpair stages',
  'device stages',
  'acknowledge',
  'send commit',
  'deliver commit',
  'hear',
] as const

const GIVE_UP = ['send abort', 'deliver abort', 'hear'] as const

/** Two good rotations in order, each step of them sometimes lost, with anything at all in between. */
const history: fc.Arbitrary<Step[]> = fc
  .tuple(
    ...[...GOOD, ...GIVE_UP, ...GOOD].map((what) =>
      fc.record({
        before: fc.array(anything, { maxLength: 1 }),
        then: fc.option(stepOf(fc.constant(what)), { freq: 20 }),
      }),
    ),
  )
  .map((parts) => parts.flatMap(({ before, then }) => [...before, ...(then ? [then] : [])]))

/** One epoch of a device: it names itself as the rules want it. */
type Held = { readonly stageId: Uint8Array; readonly epoch: number; readonly key: TestKey }

type Model = {
  readonly world: World
  readonly instances: readonly Stores[]
  readonly identity: SigpairIdentity
  readonly dialogues: TestKey[]
  readonly commits: { readonly of: TestKey; readonly request: KeyRotateRequest }[]
  readonly aborts: TestKey[]
  readonly answers: { readonly of: TestKey; readonly answer: StageResponse }[]
  /** sealed shares as a thief of `parties` would collect them */
  readonly seen: Map<string, EpochRecord>
  device: DeviceKey<Held>
}

const heldOf = (key: TestKey): Held => ({ ...nameOf(key), key })

let kms: TestKms
beforeAll(async () => (kms = await startKms()))
afterAll(async () => kms.stop())

/** Refusals and deaths are answers; what is not one of ours is a bug. */
async function attempt<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: unknown) => {
    if (error instanceof WireError && error.code !== 'INTERNAL') return undefined
    if (error instanceof StoreError && error.code === 'UNAVAILABLE') return undefined
    throw error
  })
}

async function take(model: Model, { what, which, instance, death }: Step): Promise<void> {
  const { world, dialogues, commits, aborts, answers, identity } = model
  const { stores } = mortal(model.instances[instance]!, death ?? undefined)
  const deps = { backend: noble, identity }
  const latest = dialogues.at(-1 - which) ?? dialogues.at(-1)
  const answered = (of: TestKey, answer: StageResponse | undefined) => answer && answers.push({ of, answer })
  switch (what) {
    case 'begin': {
      if (model.device.stage) return
      const next = nextEpoch(model.device.current!.key, world.rng)
      dialogues.push(next)
      return attempt(beginNext({ stores }, next))
    }
    case 'sigpair stages':
      return latest && attempt(stage({ stores }, latest))
    case 'device stages':
      if (latest) model.device = openedOr(model.device, heldOf(latest))
      return
    case 'acknowledge': {
      const held = latest && [model.device.stage, model.device.current].some((one) => one?.key === latest)
      return held ? attempt(completeNext({ stores }, latest)) : undefined
    }
    case 'send commit': {
      const of = model.device.stage?.key
      if (of) commits.push({ of, request: rotateRequest(world, of) })
      return
    }
    case 'deliver commit': {
      const sent = commits.at(-1 - which) ?? commits.at(-1)
      const done = sent && (await attempt(rotateTo(stores, identity, sent.of, sent.request)))
      if (done) answered(sent.of, { fate: 'committed', committed: done.receipt })
      return
    }
    case 'send abort':
      if (model.device.stage) aborts.push(model.device.stage.key)
      return
    case 'deliver abort': {
      const of = aborts.at(-1 - which)
      if (of) answered(of, await attempt(abortStage(stores, deps, OWNER, nameOf(of))))
      return
    }
    case 'ask': {
      const of = model.device.stage?.key
      if (of) answered(of, await attempt(readStage(stores, deps, OWNER, nameOf(of))))
      return
    }
    case 'hear': {
      const heard = answers.at(-1 - which) ?? answers.at(-1)
      if (heard) hear(model, heard.of, heard.answer)
      return
    }
    case 'sweep':
      await sweepOnce(stores, createLog({ name: 'test', level: 'silent' }))
      return
    case 'a day passes':
      world.clock.now += limits.PENDING_MS
  }
}

/** The device stages only what its own rules allow. */
function openedOr(device: DeviceKey<Held>, held: Held): DeviceKey<Held> {
  try {
    return openStage(device, held)
  } catch (error) {
    if (error instanceof UsageError) return device
    throw error
  }
}

function hear(model: Model, of: TestKey, { fate, committed, aborted }: StageResponse): void {
  const keyId = asKeyId(fromHex(of.keyId))
  const { publicKey } = model.identity.identity
  const { stageId, epoch } = nameOf(of)
  const receipts = {
    committed: [committed, commitStatement(noble, { keyId, stageId, epoch, conf: of.shares[0]!.conf })],
    aborted: [aborted, abortStatement(noble, { keyId, stageId })],
  } as const
  if (fate !== 'committed' && fate !== 'aborted') return
  const [receipt, statement] = receipts[fate]
  expect(receipt && ed25519.verify(fromHex(receipt.signature), statement, publicKey)).toBe(true)
  model.device = closeStage(model.device, { stageId, epoch }, fate).key
}

/** What Sigpair has in force always has its partner on the device, signs, and opens; what it has not in force signs nothing. */
async function check({ instances, device, seen }: Model): Promise<void> {
  const [stores] = instances
  const { keyId } = device.current!.key
  const { status, key } = (await readKey(stores!, keyId))!
  const current = key.current!
  const partners = [device.current, device.stage].map((held) => held && toHex(held.key.pair.ssid))
  expect(partners).toContain(toHex(current.ssid))
  expect(status).toBe('READY')
  for (const epoch of [current, ...(key.stage ? [key.stage.held] : [])]) seen.set(toHex(epoch.ssid), epoch)
  const claim = { keyId, epoch: current.epoch, owner: OWNER }
  await expect(loadForSigning(stores!, claim)).resolves.toMatchObject({ pair: { ssid: current.ssid } })
}

/** A network that works again, and a sweep: both ends agree, and every share but one is dead. */
async function settle(model: Model): Promise<void> {
  const fine = { which: 0, instance: 0, death: null }
  for (const what of ['ask', 'hear', 'send abort', 'deliver abort', 'hear', 'sweep'] as const) {
    await take(model, { what, ...fine })
    await check(model)
  }
  expect(model.device.stage).toBeNull()
  const { keyId } = model.device.current!.key
  model.world.clock.now += limits.PENDING_MS
  await take(model, { what: 'sweep', ...fine })

  const record = await recordOf(model.instances[0]!, { keyId })
  expect(record).toMatchObject({ begun: null, stage: null, opened: null })
  for (const [ssid, epoch] of model.seen) {
    const opened = await openShare(model.instances[1]!, keyId, epoch).catch(() => undefined)
    expect({ ssid, opens: opened !== undefined }).toEqual({ ssid, opens: ssid === toHex(record.current!.ssid) })
  }
}

test('whatever is lost, repeated, late or dies, one epoch is in force on both sides, and all others are dead', async () => {
  const ends = new Map<number, number>()
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      const world = openWorld(kms.client, 'rotate interleavings')
      try {
        const key = await readyKeyIn(world)
        const model: Model = {
          world,
          instances: [world.stores, world.instance()],
          identity: await loadIdentity(world.stores),
          ...{ dialogues: [], commits: [], aborts: [], answers: [], seen: new Map() },
          device: { current: heldOf(key), stage: null },
        }
        for (const each of steps) {
          await take(model, each)
          await check(model)
        }
        await settle(model)
        const { epoch } = model.device.current!
        ends.set(epoch, (ends.get(epoch) ?? 0) + 1)
      } finally {
        await world.close()
      }
    }),
    { seed: 20_261_122, numRuns: Number(process.env['FC_RUNS'] ?? 30) },
  )
  // the histories are worth something: none, one and two rotations are all reached
  for (const epoch of [0, 1, 2]) expect(ends.get(epoch) ?? 0).toBeGreaterThan(0)
}, 180_000)
