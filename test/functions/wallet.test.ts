import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTandemClient, memoryVault, type TandemClient, type Wallet } from '@tandem/client'
import { native } from '@tandem/ec-native'
import { LOCAL_KEY, startKms } from '@tandem/local'
import { toHex } from '@tandem/wire'
import { verifyMessage } from 'ethers'
import { readSigpairConfig } from '../../sigpair/src/config.ts'
import { startSigpair } from '../../sigpair/src/start.ts'
import { type Anvil, startAnvil } from './anvil.ts'
import { type Backend, startBackend } from './backend.ts'
import { SHOP } from './world.ts'

/** Everything as it runs: the SDK, functions, duo-node, Sigpair with its KMS, and an EVM node. */
let anvil: Anvil
let backend: Backend<Awaited<ReturnType<typeof realSigpair>>>
let client: TandemClient
let wallet: Wallet

async function realSigpair(callers: { readonly functions: object; readonly duoNode: object }) {
  process.env['METADATA_SERVER_DETECTION'] = 'none'
  const directory = mkdtempSync(join(tmpdir(), 'tandem-sigpair-'))
  const kms = await startKms({ port: 0, file: join(directory, 'kms.json') })
  const config = readSigpairConfig({
    MODE: 'development',
    PORT: '0',
    INTERNAL_PORT: '0',
    DATA_DIRECTORY: directory,
    KMS_KEY: LOCAL_KEY,
    KMS_ENDPOINT: `http://127.0.0.1:${kms.port}`,
    FUNCTIONS_KEYS: JSON.stringify([callers.functions]),
    DUO_NODE_KEYS: JSON.stringify([callers.duoNode]),
    THREADS: '1',
    LOG_LEVEL: 'silent',
  })
  const sigpair = await startSigpair(config)
  let running = true
  const stop = async () => {
    if (running) await sigpair.close()
    running = false
  }
  return {
    url: sigpair.internalUrl ?? '',
    deviceUrl: sigpair.url ?? '',
    stop,
    close: async () => {
      await stop()
      await kms.close()
      rmSync(directory, { recursive: true })
    },
  }
}

beforeAll(async () => {
  anvil = await startAnvil()
  backend = await startBackend(anvil.url, realSigpair)
  const { body } = await backend.call<{ publicKey: string; identity: string }>(
    'ada',
    'GET',
    '/api/v1/mpc/cloud-public-key',
  )
  const curve = native()
  client = createTandemClient({
    baseUrl: backend.url,
    token: () => backend.issuer.tokenOf('ada'),
    vault: memoryVault(),
    pin: { publicKey: body.publicKey, identity: body.identity },
    stock: 0,
    ...(curve === undefined ? {} : { backend: curve }),
  })
  wallet = await client.createWallet('Savings')
  await anvil.fund(wallet.address)
})
afterAll(async () => {
  await client.close()
  await backend.close()
  await anvil.stop()
})

const PAYMENT = { to: SHOP, value: 1_000n, chainId: 31337 }

async function mined(sent: { readonly wait: () => Promise<{ readonly status: string }> }): Promise<string> {
  await anvil.mine()
  return (await sent.wait()).status
}

test('a wallet is created, and its profile says that the key is ready', async () => {
  expect(await backend.call('ada', 'GET', `/api/v1/profiles/${wallet.profileId}`)).toMatchObject({
    status: 200,
    body: { name: 'Savings', sessionWalletAddress: wallet.address, keyStatus: 'READY', presignatures: 0 },
  })
})

test('a payment is signed with a presignature', async () => {
  await client.fillPresignatures(wallet, 1)
  const sent = await client.sendTransaction(wallet, { ...PAYMENT, how: 'presignature' })
  expect(await mined(sent)).toBe('mined')
  const tx = await anvil.call('eth_getTransactionByHash', [sent.txHash])
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

test('while Sigpair is down the caller is told so, and nothing else breaks', async () => {
  await backend.sigpair.stop()
  const body = { profileId: wallet.profileId, message: toHex(new Uint8Array(4)) }
  const answer = await backend.call('ada', 'POST', '/api/v1/mpc/sign-message', body)
  expect(answer).toMatchObject({ status: 503, body: { error: 'DUO_NODE_UNAVAILABLE' } })
  expect((await fetch(`${backend.url}/health/ready`)).status).toBe(200)
})
