import { ed25519 } from '@noble/curves/ed25519.js'
import { backupHash, commitStatement, noble, PVE_BYTES } from '@tandem/ecdsa'
import { keyId as asKeyId } from '@tandem/rounds'
import {
  backUpStaged,
  beginEpoch,
  completeStage,
  consume,
  createUsable,
  keyAt,
  listEvents,
  loadForSigning,
  loadIdentity,
  openCheck,
  openShare,
  pairAt,
  presignatureAt,
  readKey,
  readStage,
  refreshable,
  runAt,
  type SigpairIdentity,
} from '@tandem/sigpair'
import { fromHex, keyRotateResponse, rotationBytes, toHex } from '@tandem/wire'
import { dealPresignature } from './deal-presignature.ts'
import {
  acknowledgeNext,
  beginNext,
  completeNext,
  nameOf,
  nextEpoch,
  recordOf,
  rotateRequest,
  rotateTo,
  stageNext,
} from './epochs.ts'
import { startKms, type TestKms } from './kms.ts'
import { openWorld, OWNER, readyKeyIn, stage, type TestKey, testKey, type World } from './world.ts'

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
const rotate = async (request = rotateRequest(world, next), stores = world.stores) =>
  rotateTo(stores, identity, next, request)
const fate = async (of = next, owner = OWNER) => readStage(world.stores, deps(), owner, nameOf(of))
const verified = (signature: string, message: Uint8Array) =>
  ed25519.verify(fromHex(signature), message, identity.identity.publicKey)

/** As the restore endpoint leaves it. */
async function askRestore({ device }: Pick<TestKey, 'device'>): Promise<void> {
  const { parties } = world.stores
  const doc = (await parties.get(keyAt(key.keyId)))!
  const times = { requestedAt: 0, notBefore: 0, expiresAt: world.clock.now + 1 }
  const restore = { restoreId: 'rst_x', reason: 'device-lost' as const, device, ...times }
  await parties.update(keyAt(key.keyId), { ...doc.data, restore }, { ifVersion: doc.version })
}

describe('a rotation', () => {
  test('answers a receipt and a record under Sigpair’s identity, and the same to every repetition', async () => {
    await stageNext(world, next)
    const request = rotateRequest(world, next)
    const answer = await rotate(request)

    expect(keyRotateResponse.safeParse(answer).success).toBe(true)
    const { receipt, rotation } = answer
    const about = { keyId: asKeyId(fromHex(key.keyId)), stageId: next.stageId, epoch: 1, conf: next.shares[0]!.conf }
    expect(verified(receipt.signature, commitStatement(noble, about))).toBe(true)
    const { signature, ...said } = rotation
    expect(verified(signature, rotationBytes(said))).toBe(true)
    expect(said).toEqual({
      ...{ keyId: key.keyId, publicKey: toHex(key.shares[0]!.publicKey), from: 0, to: 1 },
      ...{ stageId: toHex(next.stageId), reason: 'refresh', at: Math.floor(world.clock.now / 1000) },
    })
    world.clock.now += 3_600_000
    expect(await rotate(request, world.instance())).toEqual(answer)
    expect(await rotate(rotateRequest(world, next))).toEqual(answer)
    expect((await record()).current).toMatchObject({ epoch: 1, stageId: next.stageId })
  })

  test('on several instances at once is one rotation, one event and one line', async () => {
    await stageNext(world, next)
    const answers = await Promise.all(
      Array.from({ length: 5 }, async () => rotate(rotateRequest(world, next), world.instance())),
    )
    expect(new Set(answers.map(({ rotation }) => rotation.signature)).size).toBe(1)
    const { events } = await listEvents(world.stores, { limit: 100 })
    const rotated = events.filter(({ type }) => type === 'key.rotated')
    expect(rotated.map(({ data }) => data)).toMatchObject([
      { keyId: key.keyId, epoch: 1, status: 'READY', owner: OWNER },
    ])
  })

  test('L9 names the stage it means, in its epoch', async () => {
    await stageNext(world, next)
    const wrong = { ...next, stageId: world.rng(32) }
    await expect(rotate(rotateRequest(world, wrong))).rejects.toMatchObject({ code: 'EPOCH_MISMATCH' })
    const late = rotateRequest(world, next, {}, { epoch: 2 })
    await expect(rotate(late)).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'intent.epoch' })
    expect((await record()).current?.epoch).toBe(0)
    await expect(rotate()).resolves.toMatchObject({ epoch: 1 })
  })

  test('L10 waits for the acknowledgement of the device', async () => {
    await beginNext(world, next)
    await expect(rotate()).rejects.toMatchObject({ code: 'KEY_BUSY' })
    await stage(world, next)
    await expect(rotate()).rejects.toMatchObject({ code: 'KEY_PENDING' })
    await completeNext(world, next)
    await expect(rotate()).resolves.toMatchObject({ epoch: 1 })
  })

  test('K10 L10 is acknowledged by the device of the dialogue, for a refresh and for this conf', async () => {
    await beginNext(world, next)
    await stage(world, next)
    const other = testKey(world.rng.fork('other'))
    const ack = acknowledgeNext(next)
    const wrong = [ack.with(3, ack[3]! ^ 1), acknowledgeNext({ ...next, sign: other.sign }), acknowledgeNext(key)]
    for (const bad of wrong) {
      const completed = completeStage(world.stores, nameOf(next), [bad, new Uint8Array(64)])
      await expect(completed).rejects.toMatchObject({ code: 'PROTOCOL_ABORTED' })
    }
    await expect(rotate()).rejects.toMatchObject({ code: 'KEY_PENDING' })
  })

  test('L12 needs the hash of the new backup, where there is one, or a waiver', async () => {
    await beginNext(world, next)
    await stage(world, next)
    const ciphertext = world.rng(PVE_BYTES)
    await backUpStaged(world.stores, nameOf(next), { recoveryKey: `0x02${'ab'.repeat(32)}`, ciphertext })
    await completeNext(world, next)
    const backed = (sigpair: string) => rotateRequest(world, next, { backups: { sigpair, device: 'stored' } })
    const unbacked = { code: 'VALIDATION_FAILED', details: expect.stringContaining('backups.sigpair') }
    await expect(rotate(backed(toHex(world.rng(32))))).rejects.toMatchObject(unbacked)
    expect((await record()).current?.epoch).toBe(0)
    await expect(rotate(backed(toHex(backupHash(noble, ciphertext))))).resolves.toMatchObject({ epoch: 1 })
  })

  test('L12 confirms no backup that was never made', async () => {
    await stageNext(world, next)
    const request = rotateRequest(world, next, { backups: { sigpair: toHex(world.rng(32)), device: 'stored' } })
    await expect(rotate(request)).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
  })

  test('is the owner’s and his device’s alone', async () => {
    await stageNext(world, next)
    const foreign = rotateTo(
      world.stores,
      identity,
      { ...next, owner: 'https://issuer.test|mallory' },
      rotateRequest(world, next),
    )
    await expect(foreign).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const thief = rotateRequest(world, { ...next, sign: testKey(world.rng.fork('thief')).sign })
    await expect(rotate(thief)).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'intent.signature' })
    const other = rotateRequest(world, next)
    const swapped = { ...other, body: { ...other.body, repair: true as const } }
    await expect(rotate(swapped)).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'intent.bodyHash' })
    await expect(fate(next, 'https://issuer.test|mallory')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect((await record()).current?.epoch).toBe(0)
  })

  test('L9 by the enrolled device does not put in force what a restore has staged', async () => {
    const thief = testKey(world.rng.fork('thief'))
    await askRestore(thief)
    await beginNext(world, next, { device: thief.device, restoreId: 'rst_x' })
    await stage(world, next)
    const ack = acknowledgeNext({ ...next, sign: thief.sign })
    await completeStage(world.stores, nameOf(next), [ack, new Uint8Array(64)])
    await expect(rotate()).rejects.toMatchObject({ code: 'EPOCH_MISMATCH' })
    expect((await record()).current?.epoch).toBe(0)
  })

  test('ends a restore that waits: what it has proven is a dead share', async () => {
    await askRestore(testKey(world.rng.fork('other')))
    await stageNext(world, next)
    await rotate()
    expect(await record()).toMatchObject({ restore: null, current: { epoch: 1 } })
  })

  test('L3 is staged beside the epoch in force, when its dialogue is asked for and when it begins', async () => {
    const asked = { keyId: key.keyId, owner: OWNER }
    await expect(refreshable(world.stores, { ...asked, epoch: 1 })).rejects.toMatchObject({ code: 'EPOCH_MISMATCH' })
    const overtaken = await refreshable(world.stores, { ...asked, epoch: 0 })
    await stageNext(world, next)
    await rotate()
    const late = beginEpoch(world.stores, world.rng, { ...overtaken, device: key.device, restoreId: null })
    await expect(late).rejects.toMatchObject({ code: 'EPOCH_MISMATCH' })
  })

  test('spends its intent', async () => {
    await stageNext(world, next)
    const request = rotateRequest(world, next)
    await rotate(request)
    const third = nextEpoch(next, world.rng)
    await stageNext(world, third)
    const { nonce } = request.intent
    const again = rotateTo(world.stores, identity, third, rotateRequest(world, third, {}, { nonce }))
    await expect(again).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'intent.nonce' })
  })

  test('of a key whose first epoch is asked for is none', async () => {
    const first = rotateRequest(world, key)
    await expect(rotate(first)).rejects.toMatchObject({ code: 'EPOCH_MISMATCH' })
  })
})

describe('the old epoch', () => {
  test('L5 is refused and erased: pair, epoch key, presignatures, runs', async () => {
    const { presignatures, sealer } = world.stores
    const dealt = [dealPresignature(key, world.rng.fork('a')), dealPresignature(key, world.rng.fork('b'))]
    await createUsable(
      world.stores,
      sealer,
      key.pair,
      dealt.map(({ sigpair }) => sigpair()),
    )
    const run = world.rng(32)
    await openCheck(world.stores, key.pair, run)
    await stageNext(world, next)
    await rotate()

    expect(await pairOf(key)).toMatchObject({ status: 'RETIRED', setup: null, epochKey: null, stock: [] })
    expect(await presignatures.get(runAt(key.pair, run))).toBeUndefined()
    for (const { id } of dealt) expect(await presignatures.get(presignatureAt(key.keyId, toHex(id)))).toBeUndefined()
    const wanted = { pair: next.pair, sessionId: 'ses_x', use: 9, owner: OWNER, claim: { kind: 'message' as const } }
    const consumed = consume(world.stores, { ...wanted, id: dealt[0]!.id })
    await expect(consumed).rejects.toMatchObject({ code: 'PRESIGNATURE_CONSUMED' })

    const gone = { code: 'EPOCH_MISMATCH' }
    await expect(loadForSigning(world.stores, { keyId: key.keyId, epoch: 0, owner: OWNER })).rejects.toMatchObject(gone)
    await expect(openCheck(world.stores, key.pair, world.rng(32))).rejects.toMatchObject(gone)
    const late = createUsable(world.stores, sealer, key.pair, [dealPresignature(key, world.rng.fork('c')).sigpair()])
    await expect(late).rejects.toMatchObject(gone)
  })

  test('leaves the presignatures of the new one alone', async () => {
    await stageNext(world, next)
    await rotate()
    const dealt = dealPresignature(next, world.rng.fork('new'))
    await createUsable(world.stores, world.stores.sealer, next.pair, [dealt.sigpair()])
    await rotate()
    expect(await pairOf(next)).toMatchObject({ status: 'ACTIVE', stock: [toHex(dealt.id)] })
  })

  test('opens from no copy of the key records, however old', async () => {
    const { current } = await record()
    await openShare(world.stores, key.keyId, current!).then((share) => share.fill(0))
    await stageNext(world, next)
    await rotate()
    await expect(openShare(world.stores, key.keyId, current!)).rejects.toMatchObject({ code: 'INVALID_KEY_SHARE' })
    const after = (await record()).current!
    await expect(openShare(world.stores, key.keyId, after)).resolves.toHaveLength(343)
    // not under another epoch's key either
    const moved = { ...current!, ssid: after.ssid }
    await expect(openShare(world.stores, key.keyId, moved)).rejects.toMatchObject({ code: 'INVALID_KEY_SHARE' })
  })

  test('works until the commit, and what is done in it counts for nothing in the next', async () => {
    await stageNext(world, next)
    await openCheck(world.stores, key.pair, world.rng(32))
    const loaded = await loadForSigning(world.instance(), { keyId: key.keyId, epoch: 0, owner: OWNER })
    expect(loaded.pair.ssid).toEqual(key.pair.ssid)
    await rotate()
    expect(await pairOf(next)).toMatchObject({ status: 'ACTIVE', opened: 0, passed: 0, stock: [] })
    expect(await status()).toBe('READY')
  })
})
