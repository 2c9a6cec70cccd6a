import type { TransactionResponse } from '@tandem/wire'
import { WireError } from '@tandem/wire'
import { type Anvil, startAnvil } from './anvil.ts'
import { honest } from './key-holder.ts'
import { prepare, sign, startWorld, type Wallet, type World } from './world.ts'

let anvil: Anvil
let world: World
let wallet: Wallet

beforeAll(async () => {
  anvil = await startAnvil()
  world = await startWorld(anvil.url)
})
beforeEach(async () => {
  wallet = await world.createWallet('ada')
  await anvil.fund(wallet.address)
})
afterEach(() => {
  world.keys.meddle = honest
})
afterAll(async () => {
  await world.close()
  await anvil.stop()
})

const cancel = (sessionId: string, user = 'ada') =>
  world.call<TransactionResponse>(user, 'DELETE', `/api/v1/transactions/${sessionId}`)

test('frees the nonce at once, and the transaction is signed no more', async () => {
  const { sessionId, unsignedTx } = await prepare(world, wallet)
  const { status, body } = await cancel(sessionId)
  expect({ status, body }).toMatchObject({ status: 200, body: { sessionId, status: 'expired', unsignedTx } })

  expect((await sign(world, wallet, sessionId)).body.error).toBe('SESSION_CONSUMED')
  const ticket = { operation: 'sign', keyId: wallet.key.keyId, sessionId }
  expect((await world.call('ada', 'POST', '/api/v1/mpc/tickets', ticket)).body.error).toBe('SESSION_CONSUMED')
  expect((await prepare(world, wallet)).unsignedTx.nonce).toBe(unsignedTx.nonce)
})

test('frees a nonce for which a dialogue has its ticket', async () => {
  const { sessionId, unsignedTx } = await prepare(world, wallet)
  await world.call('ada', 'POST', '/api/v1/mpc/tickets', { operation: 'sign', keyId: wallet.key.keyId, sessionId })
  expect((await cancel(sessionId)).status).toBe(200)
  expect((await prepare(world, wallet)).unsignedTx.nonce).toBe(unsignedTx.nonce)
})

test('may be repeated, also after a crash between any two steps', async () => {
  const { sessionId, unsignedTx } = await prepare(world, wallet)
  world.keys.meddle = async (operation) => {
    if (operation === 'cancel') throw new WireError('UNAVAILABLE')
    return {}
  }
  expect((await cancel(sessionId)).status).toBe(503)
  world.keys.meddle = honest
  expect((await world.call<TransactionResponse>('ada', 'GET', `/api/v1/transactions/${sessionId}`)).body.status).toBe(
    'prepared',
  )
  expect((await cancel(sessionId)).status).toBe(200)
  const calls = world.keys.calls.length
  expect((await cancel(sessionId)).status).toBe(200)
  expect(world.keys.calls).toHaveLength(calls)
  const next = await prepare(world, wallet)
  expect(next.unsignedTx.nonce).toBe(unsignedTx.nonce)
  // The nonce belongs to the next one now.
  expect((await cancel(sessionId)).status).toBe(200)
  expect((await prepare(world, wallet)).unsignedTx.nonce).toBe(next.unsignedTx.nonce + 1)
})

test('what Sigpair has signed keeps its nonce, whoever heard of it', async () => {
  const { sessionId, unsignedTx } = await prepare(world, wallet)
  world.keys.meddle = async (operation, answer) => {
    if (operation === 'complete') throw new WireError('UNAVAILABLE')
    return answer
  }
  expect((await sign(world, wallet, sessionId)).status).toBe(503)
  world.keys.meddle = honest
  expect(await cancel(sessionId)).toMatchObject({ status: 409, body: { error: 'SESSION_CONSUMED' } })
  expect((await prepare(world, wallet)).unsignedTx.nonce).toBe(unsignedTx.nonce + 1)
  expect((await sign(world, wallet, sessionId)).status).toBe(200)
  expect(await cancel(sessionId)).toMatchObject({ status: 409, body: { error: 'SESSION_CONSUMED' } })
})

test('of a signature and a cancellation at once, one is refused', async () => {
  for (let i = 0; i < 4; i++) {
    const { sessionId } = await prepare(world, wallet)
    const [signed, cancelled] = await Promise.all([sign(world, wallet, sessionId), cancel(sessionId)])
    expect([signed.status, cancelled.status].filter((status) => status === 200)).toHaveLength(1)
    await anvil.mine()
  }
})

test('a stranger, and a text, are not found', async () => {
  const { sessionId } = await prepare(world, wallet)
  expect((await cancel(sessionId, 'eve')).status).toBe(404)
  expect((await sign(world, wallet, sessionId)).status).toBe(200)
  const text = { profileId: wallet.profileId, message: 'x' }
  const session = await world.call<{ sessionId: string }>('ada', 'POST', '/api/v1/mpc/sign-message', text)
  expect((await cancel(session.body.sessionId)).status).toBe(404)
})
