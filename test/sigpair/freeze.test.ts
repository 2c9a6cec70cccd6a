import { createUsable, pairAt, presignatureAt, readKey, relayPairEvents, type Stores, strike } from '@tandem/sigpair'
import { toHex } from '@tandem/wire'
import { freeze } from '../../sigpair/src/keys/freeze.ts'
import { auditOf, careful, eventsOf } from './care.ts'
import { dealPresignature } from './deal-presignature.ts'
import { OWNER, testKey, begin, stage } from './world.ts'

const care = careful()
const freezeKey = async (stores: Stores = care.world.stores, owner = OWNER) =>
  freeze(stores, { keyId: care.key.keyId, owner })
const statusOf = async () => (await readKey(care.world.stores, care.key.keyId))?.status
const pair = async () => (await care.world.stores.presignatures.get(pairAt(care.key.pair)))!.data

test('a frozen key signs nothing: its setup is erased and its stock consumed, and its share stays for a repair', async () => {
  const { world, key } = care
  const dealt = dealPresignature(key, world.rng)
  await createUsable(world.stores, world.stores.sealer, key.pair, [dealt.sigpair()])
  expect(await freezeKey()).toBe('FROZEN')
  expect(await statusOf()).toBe('FROZEN')
  expect(await pair()).toMatchObject({ status: 'POISONED', setup: null, stock: [], epochKey: expect.anything() })
  const record = await world.stores.presignatures.get(presignatureAt(key.keyId, toHex(dealt.id)))
  expect(record?.data).toMatchObject({ status: 'CONSUMED', payload: null })
})

test('freezing is repeatable, on any instance and at once, and is told once', async () => {
  const stores = [care.world.stores, care.world.instance(), care.world.instance()]
  expect(await Promise.all(stores.map(async (one) => freezeKey(one)))).toEqual(['FROZEN', 'FROZEN', 'FROZEN'])
  expect(await freezeKey()).toBe('FROZEN')
  await relayPairEvents(care.world.stores)
  expect(await eventsOf(care)).toEqual(['key.pending', 'key.ready', 'key.frozen'])
  expect((await auditOf(care)).filter(({ methodName }) => methodName === 'pair.freeze')).toHaveLength(1)
})

test('the log says who froze the key and what it was before', async () => {
  for (let i = 0; i < 3; i++) await strike(care.world.stores, care.key.pair)
  expect(await freezeKey()).toBe('FROZEN')
  const [asked, done] = (await auditOf(care)).slice(-2)
  expect(asked).toMatchObject({ methodName: 'key.freeze', metadata: { epoch: 0, was: 'SUSPENDED' } })
  expect(done).toMatchObject({ methodName: 'pair.freeze' })
})

test('only the owner freezes, and only what is in force', async () => {
  await expect(freezeKey(care.world.stores, 'https://issuer.test|mallory')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const young = testKey(care.world.rng.fork('young'))
  await begin(care.world, young)
  await stage(care.world, young)
  const early = freeze(care.world.stores, { keyId: young.keyId, owner: OWNER })
  await expect(early).rejects.toMatchObject({ code: 'KEY_PENDING' })
  expect(await statusOf()).toBe('READY')
})

test('a key whose pair is lost is STALE and stays so: there is nothing left to erase', async () => {
  await care.world.stores.presignatures.delete(pairAt(care.key.pair))
  expect(await freezeKey()).toBe('STALE')
})

test('a freeze that breaks between its two writes has frozen nothing, and is finished by a repetition', async () => {
  const { world } = care
  let left = 1
  const transaction: Stores['presignatures']['transaction'] = async (act, options) => {
    if (left-- <= 0) throw new Error('broken')
    return world.stores.presignatures.transaction(act, options)
  }
  const presignatures = { ...world.stores.presignatures, transaction }
  await expect(freezeKey({ ...world.stores, presignatures })).rejects.toThrow('broken')
  expect(await statusOf()).toBe('READY')
  expect(await freezeKey()).toBe('FROZEN')
})
