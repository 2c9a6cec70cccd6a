import type { BatchOperationsResponse, BatchSignResponse, EnrolResponse } from '@tandem/wire'
import { URI } from 'otpauth'
import { honest } from './key-holder.ts'
import { type Anvil, startAnvil } from './anvil.ts'
import { freshShare, SHOP, startWorld, type Wallet, type World } from './world.ts'

let anvil: Anvil
let world: World
let wallet: Wallet
let code: (step?: number) => string
let users = 0

beforeAll(async () => {
  anvil = await startAnvil()
  world = await startWorld(anvil.url)
})
beforeEach(async () => {
  const user = `user${users++}`
  const { body } = await world.call<EnrolResponse>(user, 'POST', '/api/v1/2fa/enrol', {})
  const totp = URI.parse(body.otpauthUrl)
  if (!('period' in totp)) throw new TypeError('no TOTP')
  code = (step = 0) => totp.generate({ timestamp: Date.now() + step * 30_000 })
  await world.call(user, 'POST', '/api/v1/2fa/confirm', { code: code(-1) })
  wallet = await world.createWallet(user)
  await anvil.fund(wallet.address)
})
afterEach(() => {
  world.keys.meddle = honest
})
afterAll(async () => {
  await world.close()
  await anvil.stop()
})

async function built(): Promise<BatchOperationsResponse> {
  const operations = [1, 2].map((amount) => ({ type: 'transfer', to: SHOP, amount: String(amount) }))
  const body = { profileId: wallet.profileId, chainId: 31337, operations }
  return (await world.call<BatchOperationsResponse>(wallet.user, 'POST', '/api/v1/batch/operations', body)).body
}

const sign = ({ batchId }: { batchId: string }, proof: object = {}) => {
  const body = { batchId, signatures: [freshShare(), freshShare()], ...proof }
  return world.call<BatchSignResponse>(wallet.user, 'POST', '/api/v1/mpc/batch-sign', body)
}
const lastCall = () => world.keys.calls.at(-1)

test('without a code nothing is said to be proven', async () => {
  expect((await sign(await built())).status).toBe(200)
  expect(lastCall()).toBe('complete batch')
})

test('a wrong code stops here: Sigpair is not asked', async () => {
  const batch = await built()
  const calls = world.keys.calls.length
  const wrong = code() === '000000' ? '111111' : '000000'
  expect((await sign(batch, { twoFactorCode: wrong })).body.error).toBe('TWO_FACTOR_INVALID')
  expect(world.keys.calls).toHaveLength(calls)
})

test('a right code is spent once, and proves the batch for every attempt', async () => {
  const [batch, other] = [await built(), await built()]
  const proof = { twoFactorCode: code() }
  world.keys.meddle = async (operation, answer) => ({
    ...answer,
    ...(operation.startsWith('complete') && { signatures: [] }),
  })
  expect((await sign(batch, proof)).status).toBe(500)
  world.keys.meddle = honest
  expect((await sign(batch)).status).toBe(200)
  expect(lastCall()).toBe('complete proven batch')
  expect((await sign(batch, proof)).status).toBe(200)
  expect((await sign(other, proof)).body.error).toBe('TWO_FACTOR_INVALID')
})
