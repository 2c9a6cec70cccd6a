import { sha256 } from '@noble/hashes/sha2.js'
import { canonicalJson, type Intent, intentBytes, toHex, utf8 } from '@tandem/wire'
import { attest } from '../../sigpair/src/keys/attest.ts'
import { startKms, type TestKms } from './kms.ts'
import { begin, openWorld, OWNER, readyKeyIn, testKey, type TestKey, type World } from './world.ts'

let kms: TestKms
let world: World
let key: TestKey

beforeAll(async () => (kms = await startKms()))
afterAll(async () => kms.stop())
beforeEach(async () => {
  world = openWorld(kms.client, expect.getState().currentTestName ?? '')
  key = await readyKeyIn(world)
})
afterEach(async () => world.close())

const body = { enrol: 'totp' } as const

function intentOf(change: Partial<Intent> = {}, signer: TestKey = key): Intent {
  const unsigned = {
    op: '2fa' as const,
    keyId: key.keyId,
    epoch: 0,
    bodyHash: toHex(sha256(utf8(canonicalJson(body)))),
    nonce: toHex(world.rng(16)),
    expiry: Math.floor(world.clock.now / 1000) + 300,
    ...change,
  }
  return { ...unsigned, signature: toHex(signer.sign(intentBytes(unsigned))) }
}

const ask = async (intent: Intent, owner = OWNER, keyId = key.keyId) =>
  attest(world.stores, owner, { keyId, body, intent })
const forbidden = (field: string) => ({ code: 'FORBIDDEN', details: `intent.${field}` })

test('the word of the device counts once', async () => {
  const intent = intentOf()
  await ask(intent)
  await expect(ask(intent)).rejects.toMatchObject(forbidden('nonce'))
  await ask(intentOf())
})

test('of two requests with one intent at two instances, one counts', async () => {
  const intent = intentOf()
  const stores = [world.stores, world.instance()]
  const outcomes = await Promise.allSettled(
    stores.map(async (one) => attest(one, OWNER, { keyId: key.keyId, body, intent })),
  )
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
})

test.each<readonly [string, () => Intent, string]>([
  ['for another operation', () => intentOf({ op: 'policy' }), 'op'],
  ['for another key', () => intentOf({ keyId: `0x${'77'.repeat(32)}` }), 'keyId'],
  ['for another epoch', () => intentOf({ epoch: 1 }), 'epoch'],
  ['for another kind of factor', () => intentOf({ bodyHash: toHex(sha256(utf8('{"enrol":"passkey"}'))) }), 'bodyHash'],
  ['of another device', () => intentOf({}, testKey(world.rng.fork('thief'))), 'signature'],
  ['that is past', () => intentOf({ expiry: Math.floor(world.clock.now / 1000) }), 'expiry'],
  ['too far ahead', () => intentOf({ expiry: Math.floor(world.clock.now / 1000) + 601 }), 'expiry'],
])('an intent %s is refused, and the right one still counts', async (_, make, field) => {
  await expect(ask(make())).rejects.toMatchObject(forbidden(field))
  await ask(intentOf())
})

test('a key of somebody else is absent, one without an epoch in force is pending', async () => {
  await expect(ask(intentOf(), 'https://issuer.test|eve')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(ask(intentOf(), OWNER, `0x${'77'.repeat(32)}`)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const fresh = testKey(world.rng.fork('fresh'))
  await begin(world, fresh)
  await expect(ask(intentOf(), OWNER, fresh.keyId)).rejects.toMatchObject({ code: 'KEY_PENDING' })
})
