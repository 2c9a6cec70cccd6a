import { memoryVault, type TandemClient, type Vault, type Wallet } from '@tandem/client'
import { cutOffAt } from '../helpers/cut-off.ts'
import { startWholeWorld, type WholeWorld } from './real-sigpair.ts'
import { SHOP } from './world.ts'

const CHAIN = 31337
const operations = [1n, 2n].map((amount) => ({ type: 'transfer' as const, to: SHOP, amount }))

let world: WholeWorld
let vault: Vault
let client: TandemClient
let wallet: Wallet

beforeAll(async () => {
  world = await startWholeWorld()
  vault = memoryVault()
  client = await world.clientOf('ada', { vault })
  wallet = await client.createWallet('Savings')
  await world.anvil.fund(wallet.address)
})
afterAll(() => world.close())

const countNow = async () => Number(await world.anvil.call('eth_getTransactionCount', [wallet.address, 'latest']))

test.each([
  ['before it was signed', /batch-sign$/, 'before', 'expired', 0],
  ['when it was signed, unheard', /batch-sign$/, 'after', 'failed', 0],
  ['before it was sent', /execute$/, 'before', 'failed', 0],
  ['when it was sent, unheard', /execute$/, 'after', 'submitted', 2],
] as const)('a batch the app died in %s ends once', async (_, path, when, status, mined) => {
  const before = await countNow()
  const dying = await world.clientOf('ada', { vault, platform: cutOffAt(path, when) })
  await expect(dying.sendBatch(wallet, { chainId: CHAIN, operations })).rejects.toMatchObject({ code: 'NETWORK' })
  await dying.close()

  const [settled, ...more] = await client.settleBatches()
  expect(settled!.operations.map((one) => one.status)).toEqual([status, status])
  expect(more).toEqual([])
  expect(await client.settleBatches()).toEqual([])
  await world.anvil.mine()
  expect((await countNow()) - before).toBe(mined)

  const next = await client.sendBatch(wallet, { chainId: CHAIN, operations })
  await world.anvil.mine()
  expect((await next.wait()).operations.map((one) => one.status)).toEqual(['mined', 'mined'])
  expect((await countNow()) - before).toBe(mined + 2)
})
