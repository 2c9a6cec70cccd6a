import { memoryVault, type TandemClient, type Vault, type Wallet } from '@tandem/client'
import { cutOffAt } from '../helpers/cut-off.ts'
import { startWholeWorld, type WholeWorld } from './real-sigpair.ts'
import { SHOP } from './world.ts'

const PAYMENT = { to: SHOP, value: 1_000n, chainId: 31337 }

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

const nonceOf = async (txHash: string) => {
  const { nonce } = (await world.anvil.call('eth_getTransactionByHash', [txHash])) as { readonly nonce: string }
  return Number(nonce)
}
const pay = async (): Promise<number> => {
  const { txHash } = await client.sendTransaction(wallet, PAYMENT)
  await world.anvil.mine()
  return nonceOf(txHash)
}

test('a payment that the device refuses frees its nonce at once', async () => {
  const nonce = await pay()
  await expect(client.sendTransaction(wallet, { ...PAYMENT, maxFee: 1n })).rejects.toMatchObject({
    code: 'ANSWER_REFUSED',
  })
  expect(await pay()).toBe(nonce + 1)
  expect(await client.settlePayments()).toEqual([])
})

test('a payment the app died in before it was signed is given up', async () => {
  const nonce = await pay()
  const dying = await world.clientOf('ada', { vault, platform: cutOffAt(/\/mpc\/sign$/, 'before') })
  await dying.fillPresignatures(wallet, 1)
  await expect(dying.sendTransaction(wallet, PAYMENT)).rejects.toMatchObject({ code: 'NETWORK' })

  const next = await world.clientOf('ada', { vault })
  expect(await next.settlePayments()).toMatchObject([{ status: 'expired', unsignedTx: { nonce: nonce + 1 } }])
  expect(await next.settlePayments()).toEqual([])
  expect(await pay()).toBe(nonce + 1)
})

test('a payment the app died in after it was signed was made, once', async () => {
  const nonce = await pay()
  const dying = await world.clientOf('ada', { vault, platform: cutOffAt(/\/mpc\/sign$/, 'after') })
  await dying.fillPresignatures(wallet, 1)
  await expect(dying.sendTransaction(wallet, PAYMENT)).rejects.toMatchObject({ code: 'NETWORK' })
  await world.anvil.mine()

  const next = await world.clientOf('ada', { vault })
  expect(await next.settlePayments()).toMatchObject([{ status: 'mined', unsignedTx: { nonce: nonce + 1 } }])
  expect(await pay()).toBe(nonce + 2)
})

test('a signature that Sigpair made in a dialogue nobody reported is sent', async () => {
  const nonce = await pay()
  const dying = await world.clientOf('ada', { vault, platform: cutOffAt(/\/mpc\/sign$/, 'before') })
  await expect(dying.sendTransaction(wallet, { ...PAYMENT, how: 'interactive' })).rejects.toMatchObject({
    code: 'NETWORK',
  })

  const next = await world.clientOf('ada', { vault })
  const [settled] = await next.settlePayments()
  expect(['submitted', 'mined']).toContain(settled?.status)
  expect(settled?.unsignedTx.nonce).toBe(nonce + 1)
  await world.anvil.mine()
  expect(await pay()).toBe(nonce + 2)
})

test('the address of a child is the one that pays below its path', async () => {
  const path = [5, 1]
  const child = await client.addressOf(wallet, path)
  await world.anvil.fund(child)
  const { txHash } = await client.sendTransaction(wallet, { ...PAYMENT, path })
  expect(await world.anvil.call('eth_getTransactionByHash', [txHash])).toMatchObject({ from: child.toLowerCase() })
  expect(await client.addressOf(wallet, [])).toBe(wallet.address)
  await expect(client.addressOf(wallet, [2 ** 31])).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
})
