import { ed25519 } from '@noble/curves/ed25519.js'
import { commitStatement, noble, provePossession } from '@tandem/ecdsa'
import { commitKey, failKeygen, loadIdentity, readKey, type SigpairIdentity } from '@tandem/sigpair'
import { type CommitKeyRequest, commitKeyRequest, fromHex, toHex, WireError } from '@tandem/wire'
import { startKms, type TestKms } from './kms.ts'
import { begin, complete, intentFor, openWorld, OWNER, stage, type TestKey, testKey, type World } from './world.ts'

let kms: TestKms
let world: World
let key: TestKey
let identity: SigpairIdentity

beforeAll(async () => (kms = await startKms()))
afterAll(async () => kms.stop())
beforeEach(async () => {
  world = openWorld(kms.client, expect.getState().currentTestName ?? '')
  identity = await loadIdentity(world.stores)
  key = testKey(world.rng)
  await begin(world, key)
  await stage(world, key)
})
afterEach(async () => world.close())

type ClientShare = CommitKeyRequest['body']['clientShare']

/** What the device sends; `change` is in the body before the intent is signed. */
function request(change: Partial<ClientShare> = {}): CommitKeyRequest {
  const [share] = key.shares
  const clientShare = {
    keyId: key.keyId,
    publicKey: toHex(share!.publicKey),
    share: toHex(share!.publicShares[0]!),
    proof: toHex(provePossession(noble, share!, world.rng)),
    ...change,
  }
  const body = { name: 'Savings', clientShare }
  return { body, intent: intentFor(world, key, body) }
}

const commit = async (asked = request(), owner = OWNER, stores = world.stores) =>
  commitKey(stores, { backend: noble, identity }, owner, asked)
const status = async () => (await readKey(world.stores, key.keyId))?.status

test('a commit answers the key and a receipt under Sigpair’s identity, and repeating answers the same', async () => {
  await complete(world, key)
  const asked = request()
  const answer = await commit(asked)
  const { publicKey, chainCode, conf, keyId } = key.shares[0]!
  expect(answer).toMatchObject({ keyId: key.keyId, publicKey: toHex(publicKey), chainCode: toHex(chainCode), epoch: 0 })

  const { receipt } = answer
  expect(receipt).toMatchObject({ keyId: key.keyId, stageId: toHex(key.stageId), epoch: 0, conf: toHex(conf) })
  const statement = commitStatement(noble, { keyId, stageId: key.stageId, epoch: 0, conf })
  expect(ed25519.verify(fromHex(receipt.signature), statement, identity.identity.publicKey)).toBe(true)

  expect(await commit(asked)).toEqual(answer)
  expect(await commit(request(), OWNER, world.instance())).toEqual(answer)
  expect(await status()).toBe('READY')
})

test('parallel commits of one key on several instances are one commit', async () => {
  await complete(world, key)
  const answers = await Promise.all(Array.from({ length: 5 }, async () => commit(request(), OWNER, world.instance())))
  expect(new Set(answers.map((answer) => answer.receipt.signature)).size).toBe(1)
  expect((await readKey(world.stores, key.keyId))?.key.uses).toBe(1)
})

test('L10 what is not complete is pending, and can be committed once it is', async () => {
  await expect(commit()).rejects.toMatchObject({ code: 'KEY_PENDING' })
  await complete(world, key)
  await expect(commit()).resolves.toBeDefined()
})

test('a key of another owner is absent', async () => {
  await complete(world, key)
  const foreign = commit(request(), 'https://issuer.test|mallory')
  await expect(foreign).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect(await status()).toBe('PENDING')
})

test('a failed generation cannot be committed', async () => {
  await failKeygen(world.stores, key.keyId)
  await expect(commit()).rejects.toMatchObject({ code: 'PROTOCOL_ABORTED' })
})

test('only the device’s side of this very key is committed', async () => {
  await complete(world, key)
  const other = testKey(world.rng.fork('other'))
  const [share] = key.shares
  const proofs = [
    provePossession(noble, other.shares[0]!, world.rng),
    provePossession(noble, { ...share!, epoch: 1 }, world.rng),
    provePossession(noble, { ...share!, ssid: other.shares[0]!.ssid }, world.rng),
    provePossession(noble, { ...share!, keyId: other.shares[0]!.keyId }, world.rng),
    new Uint8Array(65),
  ]
  const wrong: Partial<ClientShare>[] = [
    { publicKey: toHex(other.shares[0]!.publicKey) },
    { share: toHex(share!.publicShares[1]!) },
    { share: toHex(other.shares[0]!.publicShares[0]!) },
    ...proofs.map((proof) => ({ proof: toHex(proof) })),
  ]
  for (const change of wrong) {
    const field = `clientShare.${Object.keys(change)[0]}`
    const refused = { code: 'VALIDATION_FAILED', details: expect.stringContaining(field) }
    await expect(commit(request(change))).rejects.toMatchObject(refused)
  }
  expect(await status()).toBe('PENDING')
  await commit()
  for (const change of wrong) await expect(commit(request(change))).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
})

test('a private share is refused: by its length, with a point’s prefix in front, and it is in no error', async () => {
  await complete(world, key)
  const secret = key.shares[0]!.secret
  expect(commitKeyRequest.safeParse(request({ share: toHex(secret) })).success).toBe(false)

  for (const prefix of ['0x02', '0x03']) {
    const disguised = request({ share: `${prefix}${toHex(secret).slice(2)}` })
    expect(commitKeyRequest.safeParse(disguised).success).toBe(true)
    const error = await commit(disguised).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(WireError)
    expect(error).toMatchObject({ code: 'VALIDATION_FAILED', details: expect.stringContaining('share') })
    expect(JSON.stringify(error) + String(error) + (error as Error).stack).not.toContain(toHex(secret).slice(2, 20))
  }
})

test('a commit needs the word of the enrolled device for this body', async () => {
  await complete(world, key)
  const good = request()
  const other = testKey(world.rng.fork('other'))
  const { signature } = intentFor(world, other, good.body)
  const wrong: Partial<CommitKeyRequest['intent']>[] = [
    { op: 'export' },
    { keyId: other.keyId },
    { epoch: 1 },
    { bodyHash: toHex(world.rng(32)) },
    { signature },
    { nonce: toHex(world.rng(16)) },
    { expiry: good.intent.expiry + 1 },
  ]
  for (const change of wrong) {
    const field = Object.keys(change)[0]!
    const details = ['nonce', 'expiry'].includes(field) ? 'intent.signature' : `intent.${field}`
    const bad = commit({ ...good, intent: { ...good.intent, ...change } })
    await expect(bad).rejects.toMatchObject({ code: 'FORBIDDEN', details })
  }
  const renamed = commit({ ...good, body: { ...good.body, name: 'Mallory' } })
  await expect(renamed).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'intent.bodyHash' })
  expect(await status()).toBe('PENDING')
  await expect(commit(good)).resolves.toBeDefined()
})

test('an intent that comes too late is refused, but a commit that happened is answered still', async () => {
  await complete(world, key)
  const asked = request()
  world.clock.now += 301_000
  await expect(commit(asked)).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'intent.expiry' })
  const timely = request()
  const answer = await commit(timely)
  world.clock.now += 3_600_000
  expect(await commit(timely)).toEqual(answer)
})

test('instances that start together share one identity', async () => {
  const fresh = openWorld(kms.client, 'identity')
  const identities = await Promise.all(Array.from({ length: 4 }, async () => loadIdentity(fresh.instance())))
  const names = identities.map(({ identity: { publicKey }, exchange }) => toHex(publicKey) + toHex(exchange.publicKey))
  expect(new Set(names).size).toBe(1)
  const message = world.rng(20)
  const { publicKey, sign } = identities[0]!.identity
  expect(ed25519.verify(sign(message), message, publicKey)).toBe(true)
  await fresh.close()
})
