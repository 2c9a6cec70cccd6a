import type { TandemClient, Wallet } from '@tandem/client'
import type { Policy } from '@tandem/wire'
import { verifyTypedData } from 'ethers'
import { URI } from 'otpauth'
import { startWholeWorld, type WholeWorld } from './real-sigpair.ts'
import { SHOP } from './world.ts'

let world: WholeWorld
let client: TandemClient
let wallet: Wallet
/** each is good once */
let codes: string[]

beforeAll(async () => {
  world = await startWholeWorld()
  client = await world.clientOf('ada')
  wallet = await client.createWallet('Savings')
  await world.anvil.fund(wallet.address)
  const totp = URI.parse((await client.enrolSecondFactor()).otpauthUrl)
  if (!('period' in totp)) throw new TypeError('no TOTP')
  codes = await client.confirmSecondFactor(totp.generate())
  await put({
    messages: 'allow',
    typedData: [{ chainId: 31337, contract: SHOP, primaryType: 'Order' }],
    secondFactor: [{ chainId: 31337, asset: 'native', above: '1000' }],
  })
})
afterAll(() => world.close())

const code = (): string => codes.pop()!

const put = async (policy: Policy) => client.setPolicy(wallet, policy, code())

const pay = async (value: bigint, more: object = {}) =>
  client.sendTransaction(wallet, { to: SHOP, value, chainId: 31337, ...more })
const REQUIRED = { code: 'TWO_FACTOR_REQUIRED' }

test.each(['presignature', 'interactive'] as const)(
  'a payment above the amount is signed (%s) with the second factor, and not without',
  async (how) => {
    await client.fillPresignatures(wallet, how === 'presignature' ? 3 : 0)
    expect((await pay(1_000n, { how })).txHash).toMatch(/^0x/)
    await expect(pay(1_001n, { how })).rejects.toMatchObject(REQUIRED)
    expect((await pay(1_001n, { how, twoFactorCode: code() })).txHash).toMatch(/^0x/)
  },
)

test('a code that is wrong or used signs nothing', async () => {
  const used = code()
  await pay(1_001n, { twoFactorCode: used })
  await expect(pay(1_001n, { twoFactorCode: used })).rejects.toMatchObject({ code: 'TWO_FACTOR_INVALID' })
  await expect(pay(1_001n, { how: 'interactive', twoFactorCode: '0000-0000-0000-0000' })).rejects.toMatchObject({
    code: 'TWO_FACTOR_INVALID',
  })
})

test('typed data that nobody can read needs it too; a text does not', async () => {
  const domain = { name: 'Shop', chainId: 31337, verifyingContract: SHOP }
  const types = { Order: [{ name: 'price', type: 'uint256' }] }
  const order = { domain, types, primaryType: 'Order', message: { price: 1 } }
  await expect(client.signTypedData(wallet, order)).rejects.toMatchObject(REQUIRED)
  const signature = await client.signTypedData(wallet, order, code())
  expect(verifyTypedData(domain, types, order.message, signature)).toBe(wallet.address)
  expect(await client.signMessage(wallet, 'hello')).toMatch(/^0x/)
})

test('the policy is read as it was set, and changing it takes a code and empties the stock', async () => {
  const { version, inForce } = await client.policy(wallet)
  expect({ version, inForce }).toMatchObject({ version: 1, inForce: [{ messages: 'allow' }] })
  await client.fillPresignatures(wallet, 2)
  await expect(client.setPolicy(wallet, inForce[0]!)).rejects.toMatchObject(REQUIRED)
  expect(client.presignaturesInStock(wallet)).toBe(2)
  expect(await client.setPolicy(wallet, inForce[0]!, code())).toMatchObject({ version: 2 })
  expect(client.presignaturesInStock(wallet)).toBe(0)
})

test('the log says when it was proven', async () => {
  const methods = (await client.auditLog(wallet)).map(({ entry }) => `${entry.methodName} ${entry.status.code}`)
  expect(methods).toContain('sign.prove OK')
  expect(methods).toContain('sign.complete TWO_FACTOR_REQUIRED')
})
