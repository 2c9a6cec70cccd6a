import { memoryVault, type TandemClient, type Wallet } from '@tandem/client'
import { toHex } from '@tandem/wire'
import { verifyMessage, verifyTypedData } from 'ethers'
import { recoverAddressTyped } from 'micro-eth-signer'
import { URI } from 'otpauth'
import { startWholeWorld, type WholeWorld } from './real-sigpair.ts'
import { SHOP } from './world.ts'

let world: WholeWorld
let client: TandemClient
let wallet: Wallet

beforeAll(async () => {
  world = await startWholeWorld()
  client = await world.clientOf('ada')
  wallet = await client.createWallet('Savings')
  await world.anvil.fund(wallet.address)
})
afterAll(() => world.close())

const PAYMENT = { to: SHOP, value: 1_000n, chainId: 31337 }

async function mined(sent: { readonly wait: () => Promise<{ readonly status: string }> }): Promise<string> {
  await world.anvil.mine()
  return (await sent.wait()).status
}

test('a wallet is created, and its profile says that the key is ready', async () => {
  expect(await world.backend.call('ada', 'GET', `/api/v1/profiles/${wallet.profileId}`)).toMatchObject({
    status: 200,
    body: { name: 'Savings', sessionWalletAddress: wallet.address, keyStatus: 'READY', presignatures: 0 },
  })
})

test('a payment is signed with a presignature', async () => {
  await client.fillPresignatures(wallet, 1)
  const sent = await client.sendTransaction(wallet, { ...PAYMENT, how: 'presignature' })
  expect(await mined(sent)).toBe('mined')
  const tx = await world.anvil.call('eth_getTransactionByHash', [sent.txHash])
  expect(tx).toMatchObject({ from: wallet.address.toLowerCase(), value: '0x3e8' })
})

test('a payment is signed in a dialogue', async () => {
  const sent = await client.sendTransaction(wallet, { ...PAYMENT, how: 'interactive' })
  expect(await mined(sent)).toBe('mined')
})

test('a child address pays: device, Sigpair and functions derive the same one', async () => {
  await client.fillPresignatures(wallet, 1)
  // Only the chain's refusal of a poor account remains: the signature was the child's.
  await expect(client.sendTransaction(wallet, { ...PAYMENT, path: [5, 1] })).rejects.toMatchObject({
    code: 'TRANSACTION_REJECTED',
    details: 'insufficient funds',
  })
})

test('a text is signed', async () => {
  await client.fillPresignatures(wallet, 1)
  const message = 'I am Ada.'
  expect(verifyMessage(message, await client.signMessage(wallet, message))).toBe(wallet.address)
})

const typedData = {
  domain: { name: 'Shop', chainId: 31337n, verifyingContract: SHOP },
  types: {
    Order: [
      { name: 'items', type: 'Item[]' },
      { name: 'limit', type: 'int256' },
    ],
    Item: [{ name: 'price', type: 'uint256' }],
  },
  primaryType: 'Order',
  message: { items: [{ price: 2n ** 200n }, { price: 7 }], limit: -5n },
}

test.each([['with a presignature', 1] as const, ['in a dialogue', 0] as const])(
  'typed data is signed %s, and two libraries find the wallet in it',
  async (_, stock) => {
    await client.fillPresignatures(wallet, stock)
    const signature = await client.signTypedData(wallet, typedData)
    const { domain, types, message } = typedData
    expect(verifyTypedData(domain, types, message, signature)).toBe(wallet.address)
    expect(recoverAddressTyped(signature, typedData as never)).toBe(wallet.address)
  },
)

test('the SDK refuses typed data that does not fit its types before anybody is asked', async () => {
  const wrong = { ...typedData, message: { items: [], limit: 'x' } }
  await expect(client.signTypedData(wallet, wrong)).rejects.toMatchObject({
    code: 'VALIDATION_FAILED',
    requestId: undefined,
  })
})

test('an authenticator app is enrolled beside the key, by the word of its device', async () => {
  const { otpauthUrl } = await client.enrolSecondFactor()
  const totp = URI.parse(otpauthUrl)
  if (!('period' in totp)) throw new TypeError('no TOTP')
  expect(await client.confirmSecondFactor(totp.generate())).toHaveLength(10)
  await expect(client.enrolSecondFactor()).rejects.toMatchObject({ code: 'TWO_FACTOR_REQUIRED' })
  const next = totp.generate({ timestamp: Date.now() + 30_000 })
  expect((await client.enrolSecondFactor(next)).otpauthUrl).not.toBe(otpauthUrl)
})

test('a device that holds none of the keys enrols nothing beside them', async () => {
  const ada = await world.clientOf('bob')
  await ada.createWallet('Savings')
  const thief = await world.clientOf('bob', { vault: memoryVault() })
  await expect(thief.enrolSecondFactor()).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

test('while Sigpair is down the caller is told so, and nothing else breaks', async () => {
  await world.backend.sigpair.stop()
  const body = { profileId: wallet.profileId, message: toHex(new Uint8Array(4)) }
  const answer = await world.backend.call('ada', 'POST', '/api/v1/mpc/sign-message', body)
  expect(answer).toMatchObject({ status: 503, body: { error: 'DUO_NODE_UNAVAILABLE' } })
  expect((await fetch(`${world.backend.url}/health/ready`)).status).toBe(200)
})
