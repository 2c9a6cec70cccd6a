import { decodePair, decodeShare, noble } from '@tandem/ecdsa'
import {
  beginKeygen,
  commitStage,
  completeStage,
  failKeygen,
  keyAt,
  loadForSigning,
  openCheck,
  pairAt,
  poison,
  readKey,
  readyKey,
  stageKey,
} from '@tandem/sigpair'
import { limits } from '@tandem/wire'
import { startKms, type TestKms } from './kms.ts'
import {
  acknowledge,
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
let key: TestKey

beforeAll(async () => (kms = await startKms()))
afterAll(async () => kms.stop())
beforeEach(() => {
  world = openWorld(kms.client, expect.getState().currentTestName ?? '')
  key = testKey(world.rng)
})
afterEach(async () => world.close())

const status = async (keyId = key.keyId) => (await readKey(world.stores, keyId))?.status
const commit = async (stageId = key.stageId) =>
  commitStage(world.stores, { keyId: key.keyId, stageId, intent: intentFor(world, key, {}) })
const claim = () => ({ keyId: key.keyId, epoch: 0, owner: OWNER })

test('a key goes from nothing over PENDING to READY, and opens as it was generated', async () => {
  expect(await status()).toBeUndefined()
  await begin(world, key)
  expect(await status()).toBe('PENDING')
  await stage(world, key)
  expect(await status()).toBe('PENDING')
  await complete(world, key)
  expect(await status()).toBe('PENDING')
  await commit()
  expect(await status()).toBe('READY')

  const { bytes, current } = await loadForSigning(world.instance(), claim())
  const share = decodeShare(noble, bytes.share)
  expect(share).toEqual(key.shares[1])
  expect(current.publicKey).toEqual(share.publicKey)
  expect(bytes.pairs.map(({ length }) => length)).toEqual([3231])
  expect(() => decodePair(noble, key.shares[1]!, bytes.pairs[0]!)).toThrow('pair') // the dealer set it up in another epoch
})

test('what rests is small and shows neither share nor seeds', async () => {
  await begin(world, key)
  await stage(world, key)
  const record = (await world.stores.parties.get(keyAt(key.keyId)))!.data
  const pair = (await world.stores.presignatures.get(pairAt(key.pair)))!.data
  const { share } = record.stage!.held
  expect(share.ciphertext.length + pair.setup!.ciphertext.length).toBeLessThan(12_000)
  expect(Buffer.from(share.ciphertext).includes(Buffer.from(key.shares[1]!.secret))).toBe(false)
  expect(Buffer.from(pair.setup!.ciphertext).includes(Buffer.from(key.pairs[0]!.zeroSeed))).toBe(false)
})

test('a key id is generated once: busy while pending, forbidden afterwards, absent to others', async () => {
  await begin(world, key)
  await expect(begin(world, key)).rejects.toMatchObject({ code: 'KEY_BUSY' })
  const foreign = beginKeygen(world.stores, world.rng, { ...key, owner: 'https://issuer.test|mallory' })
  await expect(foreign).rejects.toMatchObject({ code: 'NOT_FOUND' })

  await failKeygen(world.stores, key.keyId)
  await expect(begin(world, key)).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

test('a deleted key id is told so', async () => {
  await begin(world, key)
  const doc = (await world.stores.parties.get(keyAt(key.keyId)))!
  await world.stores.parties.update(keyAt(key.keyId), { ...doc.data, status: 'DELETED' }, { ifVersion: doc.version })
  await expect(begin(world, key)).rejects.toMatchObject({ code: 'KEY_DELETED' })
  await expect(readyKey(world.stores, key.keyId, OWNER)).rejects.toMatchObject({ code: 'KEY_DELETED' })
})

test('a key nobody commits is forgotten after a day, with its pair', async () => {
  await begin(world, key)
  await stage(world, key)
  await openCheck(world.stores, key.pair, world.rng(32))
  world.clock.now += limits.PENDING_MS
  expect(await status()).toBeUndefined()
  expect(await world.stores.presignatures.get(pairAt(key.pair))).toBeUndefined()
})

test('a committed key and its pair stay', async () => {
  key = await readyKeyIn(world)
  world.clock.now += 400 * limits.PENDING_MS
  expect(await status()).toBe('READY')
})

test('the id of a key is the same in upper case', async () => {
  key = await readyKeyIn(world)
  const loud = `0x${key.keyId.slice(2).toUpperCase()}`
  expect(await status(loud)).toBe('READY')
  await expect(begin(world, { ...key, keyId: loud })).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

test('a key has one stage: a second is refused, whatever it holds', async () => {
  await begin(world, key)
  await stage(world, key)
  await expect(stage(world, key)).rejects.toMatchObject({ code: 'KEY_BUSY' })
  const another = testKey(world.rng.fork('another'))
  const share = { ...another.shares[1]!, keyId: key.shares[1]!.keyId }
  const second = stageKey(world.stores, { stageId: world.rng(32), share, pairs: another.pairs, certificate: [] })
  await expect(second).rejects.toMatchObject({ code: 'KEY_BUSY' })
  expect((await world.stores.parties.get(keyAt(key.keyId)))!.data.stage!.held.stageId).toEqual(key.stageId)
})

test('nothing is staged under a key that was not begun', async () => {
  await expect(stage(world, key)).rejects.toMatchObject({ code: 'KEY_BUSY' })
})

test('K10 L10 only the acknowledgement of the enrolled device over this key completes a stage', async () => {
  await begin(world, key)
  await stage(world, key)
  const ack = acknowledge(key)
  const other = testKey(world.rng.fork('other'))
  const wrong = [
    ack.with(3, ack[3]! ^ 1),
    acknowledge({ ...key, sign: other.sign }),
    acknowledge({ ...key, shares: other.shares }),
    new Uint8Array(),
  ]
  for (const bad of wrong) {
    const completed = completeStage(world.stores, { ...key, epoch: 0 }, [bad, new Uint8Array(64)])
    await expect(completed).rejects.toMatchObject({ code: 'PROTOCOL_ABORTED' })
  }
  await expect(commit()).rejects.toMatchObject({ code: 'KEY_PENDING' })
  await complete(world, key)
  await complete(world, key)
  await expect(commit()).resolves.toMatchObject({ stageId: key.stageId })
})

test('L9 a commit names the stage it means', async () => {
  await begin(world, key)
  await stage(world, key)
  await complete(world, key)
  await expect(commit(world.rng(32))).rejects.toMatchObject({ code: 'EPOCH_MISMATCH' })
  expect(await status()).toBe('PENDING')
  await commit()
  await expect(commit(world.rng(32))).rejects.toMatchObject({ code: 'KEY_PENDING' })
  await expect(commit()).resolves.toMatchObject({ stageId: key.stageId })
})

test('L10 a stage without the acknowledgement of the device is not committed', async () => {
  await begin(world, key)
  await expect(commit()).rejects.toMatchObject({ code: 'KEY_PENDING' })
  await stage(world, key)
  await expect(commit()).rejects.toMatchObject({ code: 'KEY_PENDING' })
  expect(await status()).toBe('PENDING')
})

test('a failed generation leaves ERROR and erases what was staged, and fails once', async () => {
  await begin(world, key)
  await stage(world, key)
  await failKeygen(world.stores, key.keyId)
  await failKeygen(world.instance(), key.keyId)

  expect(await status()).toBe('ERROR')
  expect((await world.stores.parties.get(keyAt(key.keyId)))!.data.stage).toBeNull()
  expect((await world.stores.presignatures.get(pairAt(key.pair)))!.data.setup).toBeNull()
  await expect(commit()).rejects.toMatchObject({ code: 'KEY_PENDING' })
  await expect(complete(world, key)).rejects.toMatchObject({ code: 'KEY_BUSY' })
})

test('a committed key cannot fail any more', async () => {
  key = await readyKeyIn(world)
  await failKeygen(world.stores, key.keyId)
  expect(await status()).toBe('READY')
})

test('a pair poisoned in the rehearsal is never committed', async () => {
  await begin(world, key)
  await stage(world, key)
  await complete(world, key)
  await poison(world.stores, key.pair)
  await expect(commit()).rejects.toMatchObject({ code: 'KEY_FROZEN', details: 'FROZEN' })
  expect(await status()).toBe('FROZEN')
})

test('S1 a key opens only for its owner, when READY, in its epoch', async () => {
  await expect(loadForSigning(world.stores, claim())).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await begin(world, key)
  await expect(loadForSigning(world.stores, claim())).rejects.toMatchObject({ code: 'KEY_PENDING' })
  await stage(world, key)
  await complete(world, key)
  await commit()
  const foreign = loadForSigning(world.stores, { ...claim(), owner: 'https://issuer.test|mallory' })
  await expect(foreign).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(loadForSigning(world.stores, { ...claim(), epoch: 1 })).rejects.toMatchObject({ code: 'EPOCH_MISMATCH' })
  await poison(world.stores, key.pair)
  await expect(loadForSigning(world.stores, claim())).rejects.toMatchObject({ code: 'KEY_FROZEN', details: 'FROZEN' })
})

test('a READY key whose pair is gone is STALE', async () => {
  key = await readyKeyIn(world)
  await world.stores.presignatures.delete(pairAt(key.pair))
  expect(await status()).toBe('STALE')
  await expect(loadForSigning(world.stores, claim())).rejects.toMatchObject({ code: 'KEY_FROZEN', details: 'STALE' })
})

test('a damaged share, or the share of another key, is INVALID_KEY_SHARE', async () => {
  key = await readyKeyIn(world)
  const other = await readyKeyIn(world, 'other')
  const foreign = (await world.stores.parties.get(keyAt(other.keyId)))!.data.current!.share
  const doc = (await world.stores.parties.get(keyAt(key.keyId)))!
  const own = doc.data.current!
  const flipped = { ...own.share, ciphertext: own.share.ciphertext.with(9, own.share.ciphertext[9]! ^ 1) }

  let version = doc.version
  for (const share of [flipped, foreign]) {
    version = await world.stores.parties.update(
      keyAt(key.keyId),
      { ...doc.data, current: { ...own, share } },
      { ifVersion: version },
    )
    await expect(loadForSigning(world.stores, claim())).rejects.toMatchObject({ code: 'INVALID_KEY_SHARE' })
  }
})

test('the intent of a commit is spent with it: not past, not far ahead, not twice', async () => {
  await begin(world, key)
  await stage(world, key)
  await complete(world, key)
  const intent = intentFor(world, key, {})
  const attempt = async (expiry: number) =>
    commitStage(world.stores, { keyId: key.keyId, stageId: key.stageId, intent: { ...intent, expiry } })
  const now = world.clock.now / 1000
  for (const expiry of [now, now - 1, now + 601]) {
    await expect(attempt(expiry)).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'intent.expiry' })
  }
  await attempt(now + 600)

  const other = testKey(world.rng.fork('other'))
  await begin(world, { ...other })
  await stage(world, other)
  await complete(world, other)
  const replay = { ...intent, expiry: now + 600 }
  const again = commitStage(world.stores, { keyId: other.keyId, stageId: other.stageId, intent: replay })
  await expect(again).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'intent.nonce' })
})
