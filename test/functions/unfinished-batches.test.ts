import { defaultPlatform, memoryVault, type Platform, type TandemClient, type Vault, type Wallet } from '@tandem/client'
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

/** The network of a device that is cut off at one of its requests, before or after the backend has it, and from then on. */
function cutAt(path: RegExp, when: 'before' | 'after'): Platform {
  const platform = defaultPlatform()
  let cut = false
  return {
    ...platform,
    after: (ms, act) => platform.after(ms < 5_000 ? ms / 100 : ms, act),
    fetch: async (url, request) => {
      const here = path.test(url)
      if (here && when === 'after' && !cut)
        await platform.fetch(url, { ...request, signal: new AbortController().signal })
      cut ||= here
      if (cut) throw new TypeError('no network')
      return platform.fetch(url, request)
    },
  }
}

const countNow = async () => Number(await world.anvil.call('eth_getTransactionCount', [wallet.address, 'latest']))

test.each([
  ['before it was signed', /batch-sign$/, 'before', 'expired', 0],
  ['when it was signed, unheard', /batch-sign$/, 'after', 'failed', 0],
  ['before it was sent', /execute$/, 'before', 'failed', 0],
  ['when it was sent, unheard', /execute$/, 'after', 'submitted', 2],
] as const)('a batch the app died in %s ends once', async (_, path, when, status, mined) => {
  const before = await countNow()
  const dying = await world.clientOf('ada', { vault, platform: cutAt(path, when) })
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
