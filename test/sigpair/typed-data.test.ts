import { sha256 } from '@noble/hashes/sha2.js'
import { noble } from '@tandem/ecdsa'
import { digestOf, prepareSession } from '@tandem/sigpair'
import { canonicalJson, intentBytes, type Policy, toBase64url, toHex, type TypedData, utf8 } from '@tandem/wire'
import { TypedDataEncoder } from 'ethers'
import { setPolicy } from '../../sigpair/src/policy/policy-change.ts'
import { startKms, type TestKms } from './kms.ts'
import { signPayment } from './payments.ts'
import { openWorld, OWNER, readyKeyIn, type TestKey, type World } from './world.ts'

const TOKEN = '0x6b175474e89094c44da98b954eedeac495271d0f'
const SPENDER = '0x1111111111111111111111111111111111111111'

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

/** What ERC-2612 has its owners sign. */
function permit(value: string, change: Partial<TypedData> = {}): TypedData {
  const fields = ['address owner', 'address spender', 'uint256 value', 'uint256 nonce', 'uint256 deadline']
  return {
    domain: { name: 'Token', version: '1', chainId: 1, verifyingContract: TOKEN },
    types: { Permit: fields.map((field) => ({ type: field.split(' ')[0]!, name: field.split(' ')[1]! })) },
    primaryType: 'Permit',
    message: { owner: SPENDER, spender: SPENDER, value, nonce: 0, deadline: '99999999999' },
    ...change,
  }
}

async function prepare(data: TypedData, json = canonicalJson(data)) {
  const sessionId = `ses_${toBase64url(world.rng(16))}`
  const payload = { kind: 'typed-data' as const, json }
  const request = { sessionId, keyId: key.keyId, path: [], payload }
  return prepareSession(world.stores, { backend: noble, rng: world.rng }, OWNER, request)
}

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

const denied = (details: string) => ({ code: 'POLICY_DENIED', details })

test('Sigpair computes the digest itself, and signs it', async () => {
  const data = permit('100')
  const session = await prepare(data)
  expect(toHex(session.digest)).toBe(
    TypedDataEncoder.hash({ ...data.domain, chainId: 1, verifyingContract: TOKEN } as object, data.types, data.message),
  )
  expect((await signPayment(world, key, session)).signature).toHaveLength(65)
})

test('the same typed data under the same session is answered the same, other is refused', async () => {
  const session = await prepare(permit('100'))
  const again = { sessionId: session.sessionId, keyId: key.keyId, path: [] }
  const deps = { backend: noble, rng: world.rng }
  const ask = async (data: TypedData) => {
    const payload = { kind: 'typed-data' as const, json: canonicalJson(data) }
    return prepareSession(world.stores, deps, OWNER, { ...again, payload })
  }
  expect((await ask(permit('100'))).rhoS).toEqual(session.rhoS)
  await expect(ask(permit('101'))).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' })
})

test.each<readonly [string, () => string]>([
  ['no JSON', () => '{'],
  ['another text for the same value', () => JSON.stringify(permit('1'))],
  ['a message that does not fit its types', () => canonicalJson(permit('-1'))],
  ['a message that is too deep', () => canonicalJson({ ...permit('1'), message: { a: [[[[[[[[[[1]]]]]]]]]] } })],
])('refuses %s', async (_, json) => {
  await expect(prepare(permit('1'), json())).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
  expect(() => digestOf({ kind: 'typed-data', json: json() })).toThrow(
    expect.objectContaining({ code: 'VALIDATION_FAILED' }),
  )
})

test('S19 a permit is spending: it fills the window of its token, and its spender must be a recipient', async () => {
  const windows = [{ seconds: 3600, amount: '250' }]
  await put({ recipients: [SPENDER], assets: [{ chainId: 1, asset: TOKEN, windows }] })
  await signPayment(world, key, await prepare(permit('200')))
  await expect(prepare(permit('51'))).rejects.toMatchObject(denied(`assets eip155:1/${TOKEN} windows 3600`))
  await signPayment(world, key, await prepare(permit('50')))

  const stranger = { ...permit('0').message, spender: TOKEN }
  await expect(prepare(permit('0', { message: stranger }))).rejects.toMatchObject(denied('recipients'))
})

test('S19 a permit on another chain, or of a token without a row, is refused', async () => {
  await put({ chains: [1], assets: [{ chainId: 1, asset: 'native' }] })
  await expect(prepare(permit('1'))).rejects.toMatchObject(denied(`assets eip155:1/${TOKEN}`))
  const domain = { ...permit('1').domain, chainId: 5 }
  await expect(prepare(permit('1', { domain }))).rejects.toMatchObject(denied('chains'))
})

test('S19 typed data nobody can read is refused unless the policy names it', async () => {
  const types = { Order: [{ name: 'price', type: 'uint256' }] }
  const order = permit('0', { types, primaryType: 'Order', message: { price: 1 } })
  await put({})
  await expect(prepare(order)).rejects.toMatchObject(denied('typedData'))
  await put({ typedData: [{ chainId: 1, contract: TOKEN, primaryType: 'Order' }] })
  await signPayment(world, key, await prepare(order))
  const elsewhere = { ...order, domain: { name: 'no contract, no chain' } }
  await expect(prepare(elsewhere)).rejects.toMatchObject(denied('typedData'))
})
