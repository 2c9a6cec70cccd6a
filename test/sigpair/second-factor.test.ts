import { sha256 } from '@noble/hashes/sha2.js'
import { noble } from '@tandem/ecdsa'
import { loadSession, pairAt, prepareSession, type SessionRecord } from '@tandem/sigpair'
import { canonicalJson, intentBytes, policy as policySchema, type Policy, toBase64url, toHex, utf8 } from '@tandem/wire'
import { setPolicy } from '../../sigpair/src/policy/policy-change.ts'
import { isTighter } from '../../sigpair/src/policy/policy-compare.ts'
import { releaseSession } from '../../sigpair/src/policy/policy-store.ts'
import { proveSession } from '../../sigpair/src/sign/prove-session.ts'
import { startKms, type TestKms } from './kms.ts'
import { preparePayment, signPayment } from './payments.ts'
import { openWorld, OWNER, readyKeyIn, type TestKey, type World } from './world.ts'

const TOKEN = '0x6b175474e89094c44da98b954eedeac495271d0f'

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

async function put(policy: Policy): Promise<void> {
  const unsigned = {
    op: 'policy' as const,
    keyId: key.keyId,
    epoch: 0,
    bodyHash: toHex(sha256(utf8(canonicalJson({ policy })))),
    nonce: toHex(world.rng(16)),
    expiry: Math.floor(world.clock.now / 1000) + 300,
  }
  const intent = { ...unsigned, signature: toHex(key.sign(intentBytes(unsigned))) }
  await setPolicy(world.stores, { policyDelayMs: 0 }, OWNER, { keyId: key.keyId, policy, intent })
}

const nameOf = ({ sessionId }: SessionRecord) => ({ sessionId, keyId: key.keyId, owner: OWNER })
const reload = async (session: SessionRecord) => loadSession(world.stores, nameOf(session))
const REQUIRED = { code: 'TWO_FACTOR_REQUIRED' }
const above = (amount: string): Policy => ({ secondFactor: [{ chainId: 1, asset: 'native', above: amount }] })

async function prepareText(): Promise<SessionRecord> {
  const sessionId = `ses_${toBase64url(world.rng(16))}`
  const request = { sessionId, keyId: key.keyId, path: [], payload: { kind: 'message' as const, message: 'hello' } }
  return prepareSession(world.stores, { backend: noble, rng: world.rng }, OWNER, request)
}

test('S19 a signature above the amount waits for the second factor, one of just the amount does not', async () => {
  await put(above('100'))
  await signPayment(world, key, await preparePayment(world, key, { value: '100' }))
  const session = await preparePayment(world, key, { value: '101' })
  await expect(signPayment(world, key, session)).rejects.toMatchObject(REQUIRED)
  const { stock } = (await world.stores.presignatures.get(pairAt(key.pair)))!.data
  expect(stock).toHaveLength(1)

  await proveSession(world.stores, nameOf(session))
  await proveSession(world.instance(), nameOf(session))
  expect((await signPayment(world, key, session)).signature).toHaveLength(65)
})

test('S19 a dialogue is held to it before its signature is stored', async () => {
  await put(above('0'))
  const session = await preparePayment(world, key, { value: '1' })
  await expect(releaseSession(world.stores, session)).rejects.toMatchObject(REQUIRED)
  await proveSession(world.stores, nameOf(session))
  await releaseSession(world.stores, await reload(session))
})

test('S19 what nobody can read needs it too, and with "always" even a text', async () => {
  const contracts = [{ chainId: 1, address: TOKEN, selectors: ['0xdeadbeef'] }]
  await put({ messages: 'allow', contracts, ...above('1000') })
  await signPayment(world, key, await prepareText())
  const call = await preparePayment(world, key, { to: TOKEN, value: '0', data: '0xdeadbeef' })
  await expect(signPayment(world, key, call)).rejects.toMatchObject(REQUIRED)

  await put({ messages: 'allow', contracts, secondFactor: 'always' })
  await expect(signPayment(world, key, await prepareText())).rejects.toMatchObject(REQUIRED)
})

test('S19 no second factor allows what a rule refuses', async () => {
  const session = await preparePayment(world, key, { value: '101' })
  await proveSession(world.stores, nameOf(session))
  await put({ ...above('100'), chains: [5] })
  await expect(signPayment(world, key, session)).rejects.toMatchObject({ code: 'POLICY_DENIED', details: 'chains' })
})

test('it is proven for one session, by its owner', async () => {
  await put(above('0'))
  const [one, two] = [await preparePayment(world, key), await preparePayment(world, key)]
  const stranger = { ...nameOf(one), owner: 'https://issuer.test|eve' }
  await expect(proveSession(world.stores, stranger)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await proveSession(world.stores, nameOf(one))
  await expect(signPayment(world, key, two)).rejects.toMatchObject(REQUIRED)
})

test.each<readonly [string, Policy, Policy, boolean]>([
  ['asking where nothing was asked', {}, above('1'), true],
  ['asking for everything', above('1'), { secondFactor: 'always' }, true],
  ['a lower amount', above('2'), above('1'), true],
  ['a higher amount', above('1'), above('2'), false],
  ['asking no more', above('1'), {}, false],
  ['rows in place of everything', { secondFactor: 'always' }, above('0'), false],
])('%s: tighter or not', (_, before, after, tighter) => {
  expect(isTighter(before, after)).toBe(tighter)
})

test('the form is bounded', () => {
  for (const wrong of ['never', [{ chainId: 1, asset: 'native' }], [{ chainId: 1, asset: 'all', above: '1' }]]) {
    expect(policySchema.safeParse({ secondFactor: wrong }).success).toBe(false)
  }
})
