import type { TransactionResponse } from '@tandem/wire'
import { computeAddress, concat, recoverAddress, SigningKey, Transaction } from 'ethers'
import { type Anvil, startAnvil } from './anvil.ts'
import { type FlakyNode, flakyNode } from './flaky-node.ts'
import { childOf, honest } from './key-holder.ts'
import { freshShare, prepare, SHOP, sign, startWorld, type Wallet, type World } from './world.ts'

let anvil: Anvil
let node: FlakyNode
let world: World
let wallet: Wallet

beforeAll(async () => {
  anvil = await startAnvil()
  node = await flakyNode(anvil.url)
  world = await startWorld(node.url)
  wallet = await world.createWallet('ada')
  await anvil.fund(wallet.address)
})
afterEach(() => {
  world.keys.meddle = honest
  node.fateOf = () => 'pass'
})
afterAll(async () => {
  await world.close()
  await node.close()
  await anvil.stop()
})

/** what {@link serialized} signs */
let digestNow = ''

const serialized = (key: SigningKey) => {
  const { r, s, yParity } = key.sign(digestNow)
  return concat([r, s, Uint8Array.of(yParity)])
}

const statusOf = async (sessionId: string, user = 'ada') => {
  await anvil.mine()
  return (await world.call<TransactionResponse>(user, 'GET', `/api/v1/transactions/${sessionId}`)).body
}

test('prepares, signs and broadcasts a payment that is mined', async () => {
  const prepared = await prepare(world, wallet)
  expect(await statusOf(prepared.sessionId)).toMatchObject({ status: 'prepared', unsignedTx: prepared.unsignedTx })

  const { status, body } = await sign(world, wallet, prepared.sessionId)
  expect({ status, body }).toEqual({ status: 200, body: { txHash: expect.any(String), status: 'submitted' } })

  await anvil.mine()
  const raw = await anvil.call('eth_getRawTransactionByHash', [body.txHash])
  const tx = Transaction.from(String(raw))
  expect(tx).toMatchObject({ from: wallet.address, to: SHOP, value: 1000n, unsignedHash: prepared.digest })
  expect(recoverAddress(prepared.digest, tx.signature!)).toBe(wallet.address)
  expect(await statusOf(prepared.sessionId)).toMatchObject({
    status: 'mined',
    txHash: body.txHash,
    receipt: { status: 'success', gasUsed: '21000' },
  })
})

test('repeating a signed request answers the same transaction and asks nobody', async () => {
  const { sessionId } = await prepare(world, wallet)
  const first = await sign(world, wallet, sessionId)
  const calls = world.keys.calls.length
  const again = await sign(world, wallet, sessionId)
  expect(again.body).toEqual(first.body)
  expect(world.keys.calls).toHaveLength(calls)
})

test('concurrent requests to sign one session make one transaction', async () => {
  const other = await world.anotherApi()
  const { sessionId, unsignedTx } = await prepare(world, wallet)
  const share = freshShare()
  const answers = await Promise.all(
    [1, 2, 3, 4, 5, 6].map((i) => sign(i % 2 ? world : other, wallet, sessionId, share)),
  )

  const hashes = answers.filter(({ status }) => status === 200).map(({ body }) => body.txHash)
  expect(new Set(hashes).size).toBe(1)
  const refused = answers.filter(({ status }) => status !== 200).map(({ body }) => body.error)
  expect(refused.filter((error) => error !== 'REQUEST_IN_PROGRESS')).toEqual([])
  await anvil.mine()
  expect(await anvil.call('eth_getTransactionCount', [wallet.address, 'latest'])).toBe(
    `0x${(unsignedTx.nonce + 1).toString(16)}`,
  )
})

test('two payments prepared at once have nonces of their own and are both mined', async () => {
  const [first, second] = await Promise.all([prepare(world, wallet), prepare(world, wallet)])
  expect(Math.abs(first.unsignedTx.nonce - second.unsignedTx.nonce)).toBe(1)
  await sign(world, wallet, second.sessionId)
  await sign(world, wallet, first.sessionId)
  expect((await statusOf(first.sessionId)).status).toBe('mined')
  expect((await statusOf(second.sessionId)).status).toBe('mined')
})

test('pays from a child address below a path', async () => {
  const path = [3, 7]
  const child = computeAddress(childOf(wallet.key.signer, wallet.key.chainCode, path))
  await anvil.fund(child)
  const { sessionId, ...prepared } = await prepare(world, wallet, { path })
  expect(prepared).toMatchObject({ path, unsignedTx: { nonce: 0 } })

  const { body } = await sign(world, wallet, sessionId)
  expect(await anvil.call('eth_getTransactionByHash', [body.txHash])).toMatchObject({ from: child.toLowerCase() })
})

test('answers why the chain refuses, says so again, and gives the nonce to the next payment', async () => {
  const poor = await world.createWallet('poor')
  const { sessionId, unsignedTx } = await prepare(world, poor)
  for (const _ of [1, 2]) {
    const { status, body } = await sign(world, poor, sessionId)
    expect(status).toBe(422)
    expect(body).toMatchObject({ error: 'TRANSACTION_REJECTED', details: 'insufficient funds' })
  }
  expect((await statusOf(sessionId, 'poor')).status).toBe('failed')
  expect((await prepare(world, poor)).unsignedTx.nonce).toBe(unsignedTx.nonce)
})

test.each(['lose request', 'lose answer'] as const)(
  'a broken line to the chain (%s) loses nothing: the repetition submits the same transaction',
  async (fate) => {
    const { sessionId } = await prepare(world, wallet)
    node.fateOf = (method) => (method === 'eth_sendRawTransaction' ? fate : 'pass')
    const broken = await sign(world, wallet, sessionId)
    expect(broken.status).toBe(502)
    expect(broken.body.error).toBe('CHAIN_UNAVAILABLE')
    expect((await statusOf(sessionId)).status).toBe(fate === 'lose answer' ? 'mined' : 'signed')

    node.fateOf = () => 'pass'
    const { body } = await sign(world, wallet, sessionId)
    expect(body).toEqual({ txHash: (await statusOf(sessionId)).txHash, status: 'submitted' })
    expect((await statusOf(sessionId)).status).toBe('mined')
  },
)

test('a presignature that is spent leaves the session open for another one', async () => {
  const spent = freshShare()
  const first = await prepare(world, wallet)
  await sign(world, wallet, first.sessionId, spent)
  const { sessionId } = await prepare(world, wallet)
  expect((await sign(world, wallet, sessionId, spent)).body.error).toBe('PRESIGNATURE_CONSUMED')
  expect((await sign(world, wallet, sessionId)).status).toBe(200)
})

test.each([
  ['of another key', async () => ({ signature: serialized(new SigningKey(`0x${'77'.repeat(32)}`)) })],
  ['that is none', async () => ({ signature: `0x${'00'.repeat(65)}` })],
  ['with a recovery id out of range', async () => ({ signature: `0x${'11'.repeat(64)}02` })],
  ['of another digest', async () => ({ digest: `0x${'22'.repeat(32)}` })],
])('refuses a signature %s, and broadcasts nothing', async (_, change) => {
  const { sessionId, digest } = await prepare(world, wallet)
  digestNow = digest
  world.keys.meddle = async (operation, answer) =>
    operation === 'complete' ? { ...answer, ...(await change()) } : answer
  const { status, body } = await sign(world, wallet, sessionId)
  expect({ status, error: body.error }).toEqual({ status: 500, error: 'MPC_SIGNING_FAILED' })
  expect((await statusOf(sessionId)).status).toBe('prepared')

  // What the key holder kept is right: the session can still be completed.
  world.keys.meddle = honest
  expect((await sign(world, wallet, sessionId)).status).toBe(200)
})

test('refuses a session whose digest Sigpair computed differently, and takes its nonce back', async () => {
  world.keys.meddle = async (operation, answer) =>
    operation === 'prepare' ? { ...answer, digest: `0x${'22'.repeat(32)}` } : answer
  await expect(prepare(world, wallet)).rejects.toThrow('INTERNAL')
  world.keys.meddle = honest
  await anvil.mine()
  const next = BigInt(String(await anvil.call('eth_getTransactionCount', [wallet.address, 'latest'])))
  const { sessionId, unsignedTx } = await prepare(world, wallet)
  expect(unsignedTx.nonce).toBe(Number(next))
  await sign(world, wallet, sessionId)
})

test('fills in fees and gas from the chain, and keeps what was given', async () => {
  await anvil.mine()
  const { unsignedTx } = await prepare(world, wallet)
  expect(unsignedTx).toMatchObject({
    type: 'eip1559',
    gasLimit: '21000',
    data: '0x',
    maxPriorityFeePerGas: '1000000000',
  })
  const { baseFeePerGas } = (await anvil.call('eth_getBlockByNumber', ['latest', false])) as { baseFeePerGas: string }
  expect(BigInt(unsignedTx.maxFeePerGas)).toBe(2n * BigInt(baseFeePerGas) + 1_000_000_000n)

  const given = { gasLimit: '50000', maxFeePerGas: '7', maxPriorityFeePerGas: '5' }
  expect((await prepare(world, wallet, given)).unsignedTx).toMatchObject(given)
  expect((await prepare(world, wallet, { maxFeePerGas: '7' })).unsignedTx.maxPriorityFeePerGas).toBe('7')
})

test('refuses a call that would revert', async () => {
  // PUSH0 PUSH0 REVERT
  await anvil.call('anvil_setCode', [SHOP, '0x5f5ffd'])
  await expect(prepare(world, wallet)).rejects.toThrow('TRANSACTION_REJECTED: execution reverted')
  await anvil.call('anvil_setCode', [SHOP, '0x'])
})

test.each([
  ['a wrong checksum', { to: SHOP.replace('C', 'c') }],
  ['a chain that is not served', { chainId: 1 }],
  ['more wei than exist', { value: `${2n ** 256n}` }],
  ['more gas than fits', { gasLimit: `${2n ** 63n}` }],
  ['a tip above the cap', { maxFeePerGas: '1', maxPriorityFeePerGas: '2' }],
])('refuses %s', async (_, change) => {
  await expect(prepare(world, wallet, change)).rejects.toThrow('VALIDATION_FAILED')
})

test('another user finds neither the session nor the profile', async () => {
  const { sessionId } = await prepare(world, wallet)
  const eve: Wallet = { ...wallet, user: 'eve' }
  expect((await sign(world, eve, sessionId)).status).toBe(404)
  expect((await world.call('eve', 'GET', `/api/v1/transactions/${sessionId}`)).status).toBe(404)
  await expect(prepare(world, eve)).rejects.toThrow('NOT_FOUND')
})
