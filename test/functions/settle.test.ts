import { WireError } from '@tandem/wire'
import { OVERDUE_MS } from '../../functions/src/ports/nonces.ts'
import type { TransactionSession } from '../../functions/src/ports/sessions.ts'
import { settleOverdue } from '../../functions/src/settle.ts'
import { submit } from '../../functions/src/submit.ts'
import { type Anvil, startAnvil } from './anvil.ts'
import { CALLER, type Deps, type Pipeline, pipeline } from './pipeline.ts'

let anvil: Anvil
let world: Pipeline
let session: TransactionSession

beforeAll(async () => {
  anvil = await startAnvil()
})
afterAll(() => anvil.stop())
beforeEach(async () => {
  world = await pipeline(anvil)
  session = await world.prepare()
})

const unavailable = async () => {
  throw new WireError('CHAIN_UNAVAILABLE')
}

/** Signs with some of its dependencies broken, then lets the session's time and more go by. */
async function attemptAndWait(broken: Partial<Deps>): Promise<void> {
  await submit({ ...world.deps, ...broken }, CALLER, session, 'a share').catch(() => undefined)
  world.clock.now += 600_000 + OVERDUE_MS
}

const settle = (deps: Partial<Deps> = {}) =>
  settleOverdue({ ...world.deps, ...deps }, CALLER, { chainId: 31337, address: world.address })
const stateNow = async () => (await world.reload(session)).state
const repeat = async () => submit(world.deps, CALLER, await world.reload(session), 'a share')

test('a signing nobody reported ends: its nonce is given out again and its signature is never sent', async () => {
  await attemptAndWait({ completeSession: () => Promise.reject(new WireError('DUO_NODE_UNAVAILABLE')) })
  expect(await world.reserve()).toBe(1)
  await settle()
  expect(await stateNow()).toEqual({ status: 'expired' })
  expect(await world.reserve()).toBe(0)
  await expect(repeat()).rejects.toMatchObject({ code: 'SESSION_CONSUMED' })
})

test('a transaction that was signed and never sent is given up, so that it cannot be paid beside the next one', async () => {
  await attemptAndWait({ broadcast: unavailable })
  await settle()
  expect(await stateNow()).toMatchObject({ status: 'failed', reason: 'it was not sent in time' })
  expect(await world.reserve()).toBe(0)
  await expect(repeat()).rejects.toMatchObject({ code: 'TRANSACTION_REJECTED' })
})

test('a submitted transaction that the node has dropped is sent again', async () => {
  await attemptAndWait({ broadcast: async () => undefined })
  expect((await stateNow()).status).toBe('submitted')
  await settle()
  await anvil.mine()
  expect(Number(await anvil.call('eth_getTransactionCount', [world.address, 'latest']))).toBe(1)
  expect(await world.reserve()).toBe(1)
})

test('a dropped transaction that the node now refuses has failed', async () => {
  await attemptAndWait({ broadcast: async () => undefined })
  await anvil.call('anvil_setBalance', [world.address, '0x0'])
  await settle()
  expect(await stateNow()).toMatchObject({ status: 'failed', reason: 'insufficient funds' })
  expect(await world.reserve()).toBe(0)
})

test('a session that was forgotten leaves its nonce', async () => {
  await attemptAndWait({ completeSession: () => Promise.reject(new WireError('DUO_NODE_UNAVAILABLE')) })
  world.clock.now += 24 * 3_600_000
  await settle()
  expect(await world.reserve()).toBe(0)
  await expect(world.reload(session)).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('while the chain does not answer nothing is settled and nothing is given out', async () => {
  await attemptAndWait({ broadcast: async () => undefined })
  await expect(settle({ broadcast: unavailable })).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' })
  expect((await stateNow()).status).toBe('submitted')
})

/** Everything that would change something. */
const hands = { broadcast: () => Promise.reject(new Error('sent')), advance: () => Promise.reject(new Error('moved')) }

test('what is mined is left alone', async () => {
  await attemptAndWait({})
  await anvil.mine()
  await settle(hands)
  expect((await stateNow()).status).toBe('submitted')
})

test('what may still be signed is left alone', async () => {
  await world.deps.pinNonce({ chainId: 31337, address: world.address }, session.sessionId)
  world.clock.now += 600_000 + OVERDUE_MS - 1
  await settle(hands)
  expect((await stateNow()).status).toBe('prepared')
})
