import type { TypedData } from '@tandem/wire'
import { verifyTypedData } from 'ethers'
import { recoverAddressTyped } from 'micro-eth-signer'
import { honest } from './key-holder.ts'
import { freshShare, startWorld, type Wallet, type World } from './world.ts'

let world: World
let wallet: Wallet

beforeAll(async () => {
  world = await startWorld()
  wallet = await world.createWallet('ada')
})
afterEach(() => {
  world.keys.meddle = honest
})
afterAll(() => world.close())

type Reply = { readonly sessionId: string; readonly signature: string }

const ask = (body: object, user = 'ada') =>
  world.call<Reply>(user, 'POST', '/api/v1/mpc/sign-typed-data', { profileId: wallet.profileId, ...body })

const domain = { name: 'Shop', chainId: 1, verifyingContract: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8' }
const types = {
  Order: [
    { name: 'items', type: 'Item[]' },
    { name: 'paid', type: 'bool' },
  ],
  Item: [
    { name: 'name', type: 'string' },
    { name: 'prices', type: 'uint256[2]' },
  ],
}
const message = { items: [{ name: 'Schoggi', prices: ['7', '0x08'] }], paid: false }
const order: TypedData = { domain, types, primaryType: 'Order', message }

test('prepares typed data, signs it, and repeats the signature; two libraries find the wallet in it', async () => {
  const { sessionId } = (await ask({ typedData: order })).body
  const asked = { typedData: order, sessionId }
  const signed = await ask({ ...asked, p1SignatureShare: freshShare() })
  expect(signed.status).toBe(200)
  expect(verifyTypedData(domain, types, message, signed.body.signature)).toBe(wallet.address)
  expect(recoverAddressTyped(signed.body.signature, order as never)).toBe(wallet.address)
  expect((await ask({ ...asked, p1SignatureShare: freshShare() })).body).toEqual(signed.body)
  expect((await ask(asked)).body).toEqual(signed.body)
})

test('refuses other typed data than what was prepared, however little it differs', async () => {
  const { sessionId } = (await ask({ typedData: order })).body
  const others = [
    { ...order, message: { ...message, paid: true } },
    { ...order, domain: { ...domain, chainId: 2 } },
    { ...order, types: { ...types, Other: [] } },
  ]
  for (const typedData of others) {
    const { status, body } = await ask({ typedData, sessionId, p1SignatureShare: freshShare() })
    expect({ status, error: body.error }).toEqual({ status: 400, error: 'VALIDATION_FAILED' })
  }
})

test.each<readonly [string, object]>([
  ['a message that does not fit its types', { ...order, message: { ...message, paid: 'no' } }],
  [
    'a wrong checksum',
    { ...order, domain: { ...domain, verifyingContract: domain.verifyingContract.replace('C', 'c') } },
  ],
  ['a primary type that another one uses', { ...order, primaryType: 'Item', message: {} }],
  ['a domain that is not the declared one', { ...order, types: { ...types, EIP712Domain: [] } }],
])('refuses %s before Sigpair is asked to sign', async (_, typedData) => {
  const before = world.keys.sessions.size
  const { status, body } = await ask({ typedData })
  expect({ status, error: body.error }).toEqual({ status: 400, error: 'VALIDATION_FAILED' })
  expect(world.keys.sessions.size).toBe(before)
})

test('a share needs a session, and a session its own kind', async () => {
  expect((await ask({ typedData: order, p1SignatureShare: freshShare() })).status).toBe(400)
  const { sessionId } = (await ask({ typedData: order })).body
  const text = { profileId: wallet.profileId, message: 'x', sessionId, p1SignatureShare: freshShare() }
  expect((await world.call('ada', 'POST', '/api/v1/mpc/sign-message', text)).status).toBe(404)
  expect((await world.call('ada', 'POST', '/api/v1/mpc/sign', { sessionId })).status).toBe(404)
})

test('a dialogue may sign it: the ticket names its session', async () => {
  const { sessionId } = (await ask({ typedData: order })).body
  const request = { operation: 'sign', keyId: wallet.key.keyId, sessionId }
  expect((await world.call('ada', 'POST', '/api/v1/mpc/tickets', request)).status).toBe(200)
})

test('refuses a digest that Sigpair computed otherwise, and a signature that is not the wallet’s', async () => {
  world.keys.meddle = async (operation, answer) =>
    operation === 'prepare' ? { ...answer, digest: `0x${'22'.repeat(32)}` } : answer
  expect((await ask({ typedData: order })).body.error).toBe('INTERNAL')
  world.keys.meddle = honest
  const { sessionId } = (await ask({ typedData: order })).body
  world.keys.meddle = async (_, answer) => ({ ...answer, signature: `0x${'11'.repeat(64)}00` })
  const { body } = await ask({ typedData: order, sessionId, p1SignatureShare: freshShare() })
  expect(body.error).toBe('MPC_SIGNING_FAILED')
})

test('another user finds neither the profile nor the session', async () => {
  const { sessionId } = (await ask({ typedData: order })).body
  expect((await ask({ typedData: order }, 'eve')).status).toBe(404)
  const { profileId } = await world.createWallet('eve')
  expect((await ask({ profileId, typedData: order, sessionId }, 'eve')).status).toBe(404)
})
