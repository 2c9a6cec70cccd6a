import { createHash } from 'node:crypto'
import { memoryVault, type Sent, type TandemClient, type Wallet } from '@tandem/client'
import { decodeShare } from '@tandem/ecdsa'
import { fromHex } from '@tandem/wire'
import { encodeBase58, HDNodeWallet, parseEther, verifyMessage } from 'ethers'
import { verifyTwice, verifyWithOpenSsl } from '../../infra/local/src/story/verify-twice.ts'
import { loadWallet } from '../../shared/client/src/vault/wallet-record.ts'
import { fast } from '../helpers/backends.ts'
import { ask, startTestStack, type TestStack } from '../helpers/stack.ts'

const SHOP = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'

/** A path below the wallet, and the same as ethers writes it. */
const CHILD = [0, 5]

const vault = memoryVault()
let stack: TestStack
let alice: TandemClient
let wallet: Wallet

beforeAll(async () => {
  stack = await startTestStack()
  alice = stack.device('alice', { vault })
  wallet = await alice.createWallet('Savings')
  await stack.chain.fund(wallet.address, parseEther('10'))
})
afterAll(async () => {
  await alice.close()
  await stack.stop()
})

const payment = () => ({ to: SHOP, value: parseEther('0.25'), chainId: stack.chainId })

/** The chain's copy of a mined transaction, after three verifiers have agreed on its signature. */
async function expectMined(sent: Sent, from: { readonly address: string; readonly publicKey: string }): Promise<void> {
  expect(await sent.wait()).toMatchObject({ status: 'mined', txHash: sent.txHash })
  const mined = await stack.chain.mined(sent.txHash)
  expect(mined.from).toBe(from.address)
  expectVerified(mined.signature, mined.digest, from.publicKey)
}

function expectVerified(signature: Uint8Array, digest: Uint8Array, publicKey: string): void {
  const key = fromHex(publicKey)
  expect(verifyTwice(signature, digest, key)).toMatchObject({ noble: true, second: true })
  expect(verifyWithOpenSsl(signature, digest, key)).toBe(true)
}

/** What a wallet app that knows only the public key and chain code derives, by another library's BIP-32. */
async function childOf(path: readonly number[]): Promise<{ address: string; publicKey: string }> {
  const { current } = await loadWallet(vault, wallet.keyId)
  const { publicKey, chainCode } = decodeShare(fast, current!.share)
  const body = Buffer.concat([fromHex('0x0488b21e'), new Uint8Array(9), chainCode, publicKey])
  const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest()
  const xpub = encodeBase58(Buffer.concat([body, sha256(sha256(body)).subarray(0, 4)]))
  return HDNodeWallet.fromExtendedKey(xpub).derivePath(path.join('/'))
}

test('a wallet is created: its profile is READY and leads to the same address', async () => {
  const { status, body } = await ask(stack, 'alice', 'GET', `/api/v1/profiles/${wallet.profileId}`)
  expect(status).toBe(200)
  expect(body).toMatchObject({ name: 'Savings', keyStatus: 'READY', epoch: 0, sessionWalletAddress: wallet.address })
  expect(await alice.wallets()).toEqual([wallet])
})

test('a payment with a presignature is mined, and uses up exactly one', async () => {
  await alice.fillPresignatures(wallet, 3)
  const before = await stack.chain.balance(SHOP)
  const sent = await alice.sendTransaction(wallet, payment())
  await expectMined(sent, wallet)

  expect((await stack.chain.balance(SHOP)) - before).toBe(parseEther('0.25'))
  expect(alice.presignaturesInStock(wallet)).toBe(2)
  const { body } = await ask(stack, 'alice', 'GET', `/api/v1/profiles/${wallet.profileId}`)
  expect(body['presignatures']).toBe(2)
})

test('an interactive payment is mined, and uses up none', async () => {
  const stock = alice.presignaturesInStock(wallet)
  await expectMined(await alice.sendTransaction(wallet, { ...payment(), how: 'interactive' }), wallet)
  expect(alice.presignaturesInStock(wallet)).toBe(stock)
})

test('a payment with an empty stock is signed interactively instead', async () => {
  const poor = stack.device('alice', { vault })
  await expectMined(await poor.sendTransaction(wallet, payment()), wallet)
  await poor.close()
})

test('a text is signed as other wallets sign it (EIP-191), with a presignature and without', async () => {
  for (const text of ['Tandem signs in two halves.', 'Ünïcödé — 署名 ✓']) {
    const signature = await alice.signMessage(wallet, text)
    expect(verifyMessage(text, signature)).toBe(wallet.address)
    expect(fromHex(signature)).toHaveLength(65)
  }
  const poor = stack.device('alice', { vault })
  expect(verifyMessage('none left', await poor.signMessage(wallet, 'none left'))).toBe(wallet.address)
  await poor.close()
})

test('a derived address pays once it has money, with a presignature and interactively', async () => {
  const child = await childOf(CHILD)
  expect(child.address).not.toBe(wallet.address)
  await alice.fillPresignatures(wallet, 1)
  await expect(alice.sendTransaction(wallet, { ...payment(), path: CHILD })).rejects.toMatchObject({
    code: 'TRANSACTION_REJECTED',
  })

  await stack.chain.fund(child.address, parseEther('1'))
  await alice.fillPresignatures(wallet, 1)
  await expectMined(await alice.sendTransaction(wallet, { ...payment(), path: CHILD }), child)
  await expectMined(await alice.sendTransaction(wallet, { ...payment(), path: CHILD, how: 'interactive' }), child)
})

test('ten payments at once are all mined, each with a nonce of its own', async () => {
  await alice.fillPresignatures(wallet, 8)
  const sent = await Promise.all(Array.from({ length: 10 }, async () => alice.sendTransaction(wallet, payment())))
  expect(new Set(sent.map(({ txHash }) => txHash)).size).toBe(10)
  for (const one of sent) await expectMined(one, wallet)
})

test('the stock fills by itself: after a wallet is created, and when it is more than half empty', async () => {
  const device = stack.device('carol', { stock: 4 })
  const fresh = await device.createWallet('Stocked')
  const filled = async () => {
    for (let i = 0; i < 500 && device.presignaturesInStock(fresh) < 4; i++) await new Promise((r) => setTimeout(r, 20))
    expect(device.presignaturesInStock(fresh)).toBe(4)
  }
  await filled()

  for (let i = 0; i < 2; i++) await device.signMessage(fresh, `text ${i}`)
  expect(device.presignaturesInStock(fresh)).toBe(2)
  await device.signMessage(fresh, 'one more than half')
  await filled()
  await device.close()
  const { body } = await ask(stack, 'carol', 'GET', `/api/v1/profiles/${fresh.profileId}`)
  expect(body['presignatures']).toBe(4)
})
