import type { TicketResponse } from '@tandem/wire'
import { verifyMessage } from 'ethers'
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
  world.call<Reply>(user, 'POST', '/api/v1/mpc/sign-message', { profileId: wallet.profileId, ...body })

test('prepares a text, signs it, and repeats the signature', async () => {
  const message = 'Grüße, Ada ✍️'
  const { sessionId } = (await ask({ message })).body
  const signed = await ask({ message, sessionId, p1SignatureShare: freshShare() })
  expect(signed.status).toBe(200)
  expect(verifyMessage(message, signed.body.signature)).toBe(wallet.address)
  expect((await ask({ message, sessionId, p1SignatureShare: freshShare() })).body).toEqual(signed.body)
  expect((await ask({ message, sessionId })).body).toEqual(signed.body)
})

test('a text may be signed in a dialogue: the ticket names its session', async () => {
  const { sessionId } = (await ask({ message: 'hello' })).body
  const request = { operation: 'sign', keyId: wallet.key.keyId, sessionId }
  expect((await world.call<TicketResponse>('ada', 'POST', '/api/v1/mpc/tickets', request)).status).toBe(200)
})

test('refuses another text than the prepared one', async () => {
  const { sessionId } = (await ask({ message: 'I owe you 1' })).body
  const { status, body } = await ask({ message: 'I owe you 1000', sessionId, p1SignatureShare: freshShare() })
  expect({ status, error: body.error }).toEqual({ status: 400, error: 'VALIDATION_FAILED' })
})

test.each([
  ['above 4 KiB of UTF-8', { message: 'ü'.repeat(2_049) }],
  ['empty', { message: '' }],
  ['with half a character', { message: '\ud800' }],
  ['with a share and no session', { message: 'x', p1SignatureShare: freshShare() }],
])('refuses a text %s', async (_, body) => {
  expect((await ask(body)).status).toBe(400)
})

test('refuses a signature that is not the wallet’s', async () => {
  const { sessionId } = (await ask({ message: 'x' })).body
  world.keys.meddle = async (_, answer) => ({ ...answer, signature: `0x${'11'.repeat(64)}00` })
  const { body } = await ask({ message: 'x', sessionId, p1SignatureShare: freshShare() })
  expect(body.error).toBe('MPC_SIGNING_FAILED')
})

test('another user finds neither the profile nor the session', async () => {
  const { sessionId } = (await ask({ message: 'x' })).body
  expect((await ask({ message: 'x' }, 'eve')).status).toBe(404)
  const hers = await world.createWallet('eve')
  expect((await ask({ profileId: hers.profileId, message: 'x', sessionId }, 'eve')).status).toBe(404)
})

test('a session belongs to one profile, also of two of the same user', async () => {
  const { sessionId } = (await ask({ message: 'x' })).body
  const { profileId } = await world.createWallet('ada')
  expect((await ask({ profileId, message: 'x', sessionId, p1SignatureShare: freshShare() })).status).toBe(404)
})

test('a session for a text is no transaction', async () => {
  const { sessionId } = (await ask({ message: 'x' })).body
  expect((await world.call('ada', 'POST', '/api/v1/mpc/sign', { sessionId })).status).toBe(404)
  expect((await world.call('ada', 'GET', `/api/v1/transactions/${sessionId}`)).status).toBe(404)
})
