import { ed25519 } from '@noble/curves/ed25519.js'
import { commitStatement, noble, provePossession } from '@tandem/ecdsa'
import { keyId as asKeyId } from '@tandem/rounds'
import { commitKey, failKeygen, loadIdentity, readKey, type SigpairIdentity, type Stores } from '@tandem/sigpair'
import { type CommitKeyRequest, type CommitReceipt, fromHex, limits, toHex, WireError } from '@tandem/wire'
import * as fc from 'fast-check'
import { seeded } from '../helpers/rng.ts'
import { startKms, type TestKms } from './kms.ts'
import { begin, complete, intentFor, openWorld, OWNER, stage, type TestKey, testKey, type World } from './world.ts'

/**
 * The staged commit of a new key as a state machine: a device that follows the rules, the real Sigpair, and a network
 * that loses, repeats and delays. Every step below may come at any time and any number of times.
 */
const STEPS = [
  'begin', // the device opens a dialogue
  'sigpair stages', // Sigpair has verified everything; its acknowledgement may be lost
  'device stages', // the device has verified everything
  'acknowledge', // the device's acknowledgement arrives, perhaps late, perhaps again
  'fail', // a check failed
  'send commit',
  'deliver commit',
  'deliver receipt',
  'a minute passes',
  'a day passes',
] as const

type Step = { readonly what: (typeof STEPS)[number]; readonly which: number }

/** Rarely the two that end everything: most runs should get somewhere. */
const step: fc.Arbitrary<Step> = fc.record({
  what: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(...STEPS.filter((what) => what !== 'fail' && what !== 'a day passes')) },
    { weight: 1, arbitrary: fc.constantFrom('fail' as const, 'a day passes' as const) },
  ),
  which: fc.nat(7),
})

/** The good run in order, each step of it sometimes lost, with anything at all in between. */
const history: fc.Arbitrary<Step[]> = fc
  .tuple(
    ...STEPS.slice(0, 4)
      .concat('send commit', 'deliver commit', 'deliver receipt')
      .map((what) =>
        fc.record({
          before: fc.array(step, { maxLength: 3 }),
          then: fc.option(fc.record({ what: fc.constant(what), which: fc.nat(7) }), { freq: 8 }),
        }),
      ),
  )
  .map((parts) => parts.flatMap(({ before, then }) => [...before, ...(then ? [then] : [])]))

type Model = {
  readonly world: World
  readonly instances: readonly Stores[]
  readonly identity: SigpairIdentity
  readonly key: TestKey
  /** the device's two slots, each changed by one durable write */
  readonly device: { stage: string | null; cur: string | null }
  readonly commits: CommitKeyRequest[]
  readonly receipts: CommitReceipt[]
}

let kms: TestKms
beforeAll(async () => (kms = await startKms()))
afterAll(async () => kms.stop())

/** Refusals are answers; what is not one of ours is a bug. */
async function attempt<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: unknown) => {
    if (error instanceof WireError && error.code !== 'INTERNAL') return undefined
    throw error
  })
}

async function take(model: Model, { what, which }: Step): Promise<void> {
  const { world, key, device, commits, receipts } = model
  const stores = model.instances[which % model.instances.length]!
  switch (what) {
    case 'begin':
      return void (await attempt(begin({ stores }, key)))
    case 'sigpair stages':
      return attempt(stage({ stores }, key))
    case 'device stages':
      if (device.stage === null && device.cur === null) device.stage = toHex(key.stageId)
      return
    case 'acknowledge':
      if (device.stage ?? device.cur) await attempt(complete({ stores }, key))
      return
    case 'fail':
      return failKeygen(stores, key.keyId)
    case 'send commit':
      if (device.stage) commits.push(commitOf(model))
      return
    case 'deliver commit': {
      const request = commits[which % commits.length]
      const deps = { backend: noble, identity: model.identity }
      const answer = request && (await attempt(commitKey(stores, deps, OWNER, request)))
      if (answer) receipts.push(answer.receipt)
      return
    }
    case 'deliver receipt': {
      const receipt = receipts[which % receipts.length]
      if (receipt && holds(model, receipt) && receipt.stageId === device.stage) {
        Object.assign(device, { cur: device.stage, stage: null })
      }
      return
    }
    case 'a minute passes':
      world.clock.now += 60_000
      return
    case 'a day passes':
      world.clock.now += limits.PENDING_MS
  }
}

function commitOf({ world, key }: Model): CommitKeyRequest {
  const [share] = key.shares
  const clientShare = {
    keyId: key.keyId,
    publicKey: toHex(share!.publicKey),
    share: toHex(share!.publicShares[0]!),
    proof: toHex(provePossession(noble, share!, world.rng)),
  }
  const body = { name: 'wallet', clientShare }
  return { body, intent: intentFor(world, key, body) }
}

function holds({ identity }: Model, { keyId, stageId, epoch, conf, signature }: CommitReceipt): boolean {
  const about = { keyId: asKeyId(fromHex(keyId)), stageId: fromHex(stageId), epoch, conf: fromHex(conf) }
  return ed25519.verify(fromHex(signature), commitStatement(noble, about), identity.identity.publicKey)
}

/** What Sigpair has in force always has its partner on the device, and the device drops nothing Sigpair may still commit. */
async function check({ instances, key, device, receipts }: Model): Promise<void> {
  const view = await readKey(instances[0]!, key.keyId)
  const current = view?.key.current ? toHex(view.key.current.stageId) : null
  if (current !== null) {
    expect([device.cur, device.stage]).toContain(current)
    expect(view?.status).toBe('READY')
  }
  if (device.cur !== null) expect(current).toBe(device.cur)
  expect(device.cur === null || device.stage === null).toBe(true)
  expect(new Set(receipts.map(({ signature }) => signature)).size).toBeLessThanOrEqual(1)
}

/** A network that works again: whatever can be committed is, and both ends agree. */
async function settle(model: Model): Promise<void> {
  const before = await readKey(model.instances[0]!, model.key.keyId)
  const possible =
    before?.status === 'READY' || (before?.status === 'PENDING' && before.key.stage?.acknowledged === true)
  for (const what of ['send commit', 'deliver commit', 'deliver receipt'] as const) {
    const last = { 'deliver commit': model.commits.length - 1, 'deliver receipt': model.receipts.length - 1 }
    await take(model, { what, which: Math.max(0, what === 'send commit' ? 0 : last[what]) })
    await check(model)
  }
  expect(model.device.cur !== null).toBe(possible)
}

test('L9 L10 whatever is lost, repeated or late, a new key is in force on both sides or on none', async () => {
  const template = testKey(seeded('interleavings'))
  const ends = { 'in force': 0, nowhere: 0 }
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      const world = openWorld(kms.client, 'interleavings')
      try {
        const instances = [world.stores, world.instance()]
        const identity = await loadIdentity(world.stores)
        const model = {
          world,
          instances,
          identity,
          key: template,
          device: { stage: null, cur: null },
          commits: [],
          receipts: [],
        }
        for (const each of steps) {
          await take(model, each)
          await check(model)
        }
        await settle(model)
        ends[model.device.cur ? 'in force' : 'nowhere']++
      } finally {
        await world.close()
      }
    }),
    { seed: 20_261_121, numRuns: Number(process.env['FC_RUNS'] ?? 40) },
  )
  // the histories are worth something: both ends are reached often
  for (const count of Object.values(ends)) expect(count).toBeGreaterThan(5)
}, 120_000)
