import { ed25519 } from '@noble/curves/ed25519.js'
import { abortStatement, noble, statusStatement } from '@tandem/ecdsa'
import { keyId as asKeyId, sessionId } from '@tandem/rounds'
import {
  abortOldStages,
  abortStage,
  loadIdentity,
  pairAt,
  readKey,
  readStage,
  type SigpairIdentity,
} from '@tandem/sigpair'
import { fromHex, keyStageResponse, limits, toHex } from '@tandem/wire'
import { beginNext, completeNext, nameOf, nextEpoch, recordOf, rotateRequest, rotateTo, stageNext } from './epochs.ts'
import { startKms, type TestKms } from './kms.ts'
import { begin, openWorld, OWNER, readyKeyIn, stage, type TestKey, testKey, type World } from './world.ts'

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

const deps = () => ({ backend: noble, identity })
const status = async () => (await readKey(world.stores, key.keyId))?.status
const record = async () => recordOf(world.stores, key)
const pairOf = async ({ pair }: TestKey) => (await world.stores.presignatures.get(pairAt(pair)))?.data
const rotate = async () => rotateTo(world.stores, identity, next, rotateRequest(world, next))
const fate = async (of = next, owner = OWNER) => readStage(world.stores, deps(), owner, nameOf(of))
const abort = async (of = next, stores = world.stores) => abortStage(stores, deps(), OWNER, nameOf(of))
const verified = (signature: string, message: Uint8Array) =>
  ed25519.verify(fromHex(signature), message, identity.identity.publicKey)

const statement = (of: TestKey) => abortStatement(noble, { keyId: asKeyId(fromHex(key.keyId)), stageId: of.stageId })
const inForce = (epoch: TestKey, staged: Uint8Array | null) => {
  const { ssid } = epoch.pair
  return statusStatement(noble, {
    ...{ keyId: asKeyId(fromHex(key.keyId)), epoch: epoch.pair.epoch, ssid: sessionId(ssid), staged },
  })
}

test('a stage is staged from its beginning, committed with its receipt, and the status names what is in force', async () => {
  await beginNext(world, next)
  const begun = await fate()
  expect(keyStageResponse.safeParse(begun).success).toBe(true)
  expect(begun).toMatchObject({ fate: 'staged', status: { epoch: 0, staged: toHex(next.stageId) } })
  expect(verified(begun.status!.signature, inForce(key, next.stageId))).toBe(true)
  await stage(world, next)
  await completeNext(world, next)
  expect(await fate()).toMatchObject({ fate: 'staged' })

  const { receipt } = await rotate()
  const after = await fate()
  expect(after).toMatchObject({ fate: 'committed', committed: receipt, status: { epoch: 1, staged: null } })
  expect(verified(after.status!.signature, inForce(next, null))).toBe(true)
  expect(await abort()).toEqual(after)
})

test('L9 a stage is aborted, with its receipt, once another has begun', async () => {
  await stageNext(world, next)
  const second = nextEpoch(key, world.rng)
  await beginNext(world, second)
  const answer = await fate()
  expect(answer.fate).toBe('aborted')
  expect(verified(answer.aborted!.signature, statement(next))).toBe(true)
  expect(await fate(second)).toMatchObject({ fate: 'staged' })
  await expect(stage(world, next)).rejects.toMatchObject({ code: 'KEY_BUSY' })
  await expect(rotate()).rejects.toMatchObject({ code: 'EPOCH_MISMATCH' })
  expect(await pairOf(next)).toMatchObject({ status: 'RETIRED', epochKey: null })
})

test('L9 a stage is aborted when its device gives it up, in every state, again and again', async () => {
  for (const upTo of [beginNext, stageNext]) {
    await upTo(world, next)
    const answer = await abort()
    expect(answer).toMatchObject({ fate: 'aborted', status: { staged: null, epoch: 0 } })
    expect(await abort(next, world.instance())).toEqual(answer)
    await expect(completeNext(world, next)).rejects.toMatchObject({ code: 'KEY_BUSY' })
    expect(await record()).toMatchObject({ begun: null, stage: null, opened: null })
    next = nextEpoch(key, world.rng)
  }
  expect(await status()).toBe('READY')
})

test('the fate is unknown for a stage of no epoch that could come next', async () => {
  await stageNext(world, next)
  const far = { ...next, pair: { ...next.pair, epoch: 7 } }
  expect(await fate(far)).toMatchObject({ fate: 'unknown', status: { epoch: 0 } })
  expect(await abort(far)).toMatchObject({ fate: 'unknown' })
  expect(await fate()).toMatchObject({ fate: 'staged' })
})

test('the fate of a first stage comes without a status', async () => {
  const fresh = testKey(world.rng.fork('fresh'))
  await begin(world, fresh)
  expect(await fate(fresh)).toEqual({ fate: 'staged' })
  expect(await abort(fresh)).toMatchObject({ fate: 'aborted' })
})

test('a stage is aborted after a day, and cannot be committed from then on', async () => {
  await stageNext(world, next)
  world.clock.now += limits.PENDING_MS - 1
  expect(await abortOldStages(world.stores)).toBe(0)
  expect(await fate()).toMatchObject({ fate: 'staged' })
  world.clock.now += 1
  await expect(rotate()).rejects.toMatchObject({ code: 'EPOCH_MISMATCH' })
  await abortOldStages(world.stores)
  expect(await fate()).toMatchObject({ fate: 'aborted' })
  expect(await world.stores.parties.list('stages', { limit: 10 })).toMatchObject({ docs: [] })
  expect(await status()).toBe('READY')
})
