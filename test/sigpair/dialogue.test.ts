import { createUsable, readKey, pairAt } from '@tandem/sigpair'
import { limits, toBase64url, toHex } from '@tandem/wire'
import { createDevice } from '../helpers/device.ts'
import { dial, rng, startTestSigpair, type TestSigpair } from '../helpers/sigpair.ts'
import { dealWallet, dialPresign, generateWallet, newKeyId, playKeygen, playPresign } from '../helpers/wallet.ts'

let sigpair: TestSigpair

beforeAll(async () => (sigpair = await startTestSigpair()))
afterAll(async () => sigpair.close())

const pairOf = async (name: { keyId: string; ssid: Uint8Array }) =>
  (await sigpair.stores.presignatures.get(pairAt(name)))!.data

test('a device and Sigpair generate a key, prove it, and leave it PENDING and complete', async () => {
  const device = createDevice(rng)
  const keyId = newKeyId()
  const talk = await dial(sigpair, { device, keyId }, { op: 'keygen' })
  const { share } = await playKeygen(talk, device, keyId)
  expect((await readKey(sigpair.stores, keyId))!.key.stage!.acknowledged).toBe(false)
  talk.stored()

  expect(await talk.done()).toEqual({})
  expect(await talk.closed).toMatchObject({ code: 1000 })
  const { key, status } = (await readKey(sigpair.stores, keyId))!
  expect(status).toBe('PENDING')
  expect(key).toMatchObject({ owner: 'https://issuer.test|alice', device: device.cnf, current: null })
  expect(key.stage).toMatchObject({ acknowledged: true, held: { publicKey: share.publicKey, conf: share.conf } })
  expect(await pairOf({ keyId, ssid: share.ssid })).toMatchObject({ opened: 1, passed: 1, stock: [] })
})

test('a pair is no member of a committee, and says so to a device that believes it is', async () => {
  const asking = { device: createDevice(rng), keyId: newKeyId() }
  const committee = { session: toHex(rng(32)), stageId: toHex(rng(32)) }
  const refused = dial(sigpair, asking, { op: 'keygen', committee })
  await expect(refused).rejects.toMatchObject({ reason: 'VALIDATION_FAILED' })
  expect(await readKey(sigpair.stores, asking.keyId)).toBeUndefined()
})

test('a generated key presigns after its commit', async () => {
  const wallet = await generateWallet(sigpair)
  const { talk, sigids } = await dialPresign(sigpair, wallet, 2)
  const made = []
  for (const sigid of sigids) made.push(await playPresign(talk, wallet.key, sigid))
  talk.stored()

  expect(await talk.done()).toEqual({ presignatures: made.map(({ id }) => toBase64url(id)) })
  expect((await pairOf(wallet.pair)).stock).toHaveLength(2)
})

test('presignatures the device no longer holds are consumed before new ones are made', async () => {
  const wallet = await dealWallet(sigpair)
  const { talk, sigids } = await dialPresign(sigpair, wallet, 3)
  const made = []
  for (const sigid of sigids) made.push(await playPresign(talk, wallet.key, sigid))
  talk.stored()
  await talk.done()

  const again = await dialPresign(sigpair, wallet, 1, { inventory: [made[1]!.id] })
  expect(again.talk.answer.count).toBe(1)
  expect((await pairOf(wallet.pair)).stock).toHaveLength(3) // a hello alone may be a replay

  const { id } = await playPresign(again.talk, wallet.key, again.sigids[0]!)
  again.talk.stored()
  await again.talk.done()
  expect((await pairOf(wallet.pair)).stock).toEqual([made[1]!.id, id].map(toHex))
})

test('a full stock is granted nothing, and the dialogue still ends well', async () => {
  const wallet = await dealWallet(sigpair)
  const ids = Array.from({ length: limits.MAX_PRESIGNATURES }, () => rng(32))
  const seals = sigpair.stores.sealer.session()
  await createUsable(
    sigpair.stores,
    seals,
    wallet.pair,
    ids.map((id) => ({ id, payload: rng(32) })),
  )
  seals.end()

  const { talk } = await dialPresign(sigpair, wallet, 3, { inventory: ids })
  expect(talk.answer.count).toBe(0)
  talk.stored()
  expect(await talk.done()).toEqual({ presignatures: [] })
})
