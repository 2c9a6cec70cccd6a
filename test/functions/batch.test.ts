import type { BatchOperationsResponse, BatchResponse, BatchSignResponse, TransactionResponse } from '@tandem/wire'
import { Interface, Transaction } from 'ethers'
import { type Market, openMarket } from '../helpers/market.ts'
import { type Anvil, startAnvil } from './anvil.ts'
import { type FlakyNode, flakyNode } from './flaky-node.ts'
import { honest } from './key-holder.ts'
import { freshShare, prepare, SHOP, sign, startWorld, type Wallet, type World } from './world.ts'

let anvil: Anvil
let node: FlakyNode
let market: Market
let world: World
let wallet: Wallet

const CHAIN = 31337
const ABI = new Interface([
  'function transfer(address,uint256)',
  'function approve(address,uint256)',
  'function swapExactTokensForTokens(uint256,uint256,address[],address,uint256)',
])

beforeAll(async () => {
  anvil = await startAnvil()
  node = await flakyNode(anvil.url)
  market = await openMarket(anvil.call)
  world = await startWorld(node.url, { swapRouters: new Map([[CHAIN, [market.router]]]) })
})
beforeEach(async () => {
  wallet = await world.createWallet('ada')
  await anvil.fund(wallet.address)
  await market.give(market.tokenA, wallet.address, 10n ** 20n)
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

const pay = (amount = '1') => ({ type: 'transfer', to: SHOP, amount })
const swapped = () => ({
  ...{ type: 'swap', tokenIn: market.tokenA, tokenOut: market.tokenB },
  ...{ amountIn: '1000', minAmountOut: '900' },
})
const approved = () => ({ type: 'approve', token: market.tokenA, spender: market.router, amount: '1000' })

const post = (path: string, body?: object, user = 'ada') => world.call<BatchResponse>(user, 'POST', path, body)

function build(operations: readonly object[], change: object = {}, user = wallet.user) {
  const body = { profileId: wallet.profileId, chainId: CHAIN, operations, ...change }
  return world.call<BatchOperationsResponse>(user, 'POST', '/api/v1/batch/operations', body)
}

async function built(operations: readonly object[], change: object = {}): Promise<BatchOperationsResponse> {
  const { status, body } = await build(operations, change)
  if (status !== 200) throw new Error(`${body.error}: ${body.details}`)
  return body
}

const signBatch = ({ batchId, unsignedOps }: BatchOperationsResponse, count = unsignedOps.length) => {
  const signatures = Array.from({ length: count }, () => freshShare())
  return world.call<BatchSignResponse>('ada', 'POST', '/api/v1/mpc/batch-sign', { batchId, signatures })
}
const execute = ({ batchId }: { batchId: string }) => post(`/api/v1/batch/${batchId}/execute`)
const look = async ({ batchId }: { batchId: string }) => {
  await anvil.mine()
  return (await world.call<BatchResponse>('ada', 'GET', `/api/v1/batch/${batchId}`)).body
}
const statuses = ({ operations }: BatchResponse) => operations.map(({ status }) => status)

test('builds each kind of operation in order, signs them all, executes them in order', async () => {
  const data = ABI.encodeFunctionData('transfer', [SHOP, 7n])
  const batch = await built([
    pay('1000'),
    { type: 'transfer', to: SHOP, amount: '5', token: market.tokenA },
    approved(),
    swapped(),
    { type: 'call', to: market.tokenA, data },
  ])
  const [, , , swap] = batch.unsignedOps
  const path = [market.tokenA, market.tokenB]
  const wanted = [1000n, 900n, path, wallet.address, batch.expiresAt]
  expect(swap!.unsignedTx.data).toBe(ABI.encodeFunctionData('swapExactTokensForTokens', wanted))
  expect(batch.unsignedOps.map(({ unsignedTx: { to, value, nonce } }) => [to, value, nonce])).toEqual([
    [SHOP, '1000', 0],
    ...[market.tokenA, market.tokenA, market.router, market.tokenA].map((to, i) => [to, '0', i + 1]),
  ])
  expect(batch.unsignedOps.map(({ index, operation }) => [index, operation])).toEqual(
    [0, 1, 2, 3, 4].map((i) => [i, i]),
  )

  const before = await market.balanceOf(market.tokenB, wallet.address)
  const { status, body } = await signBatch(batch)
  expect({ status, ready: body.executionReady }).toEqual({ status: 200, ready: true })
  for (const [i, { signedTx, txHash, sessionId }] of body.signedOps.entries()) {
    const { digest, sessionId: asked } = batch.unsignedOps[i]!
    expect(Transaction.from(signedTx)).toMatchObject({ from: wallet.address, unsignedHash: digest, hash: txHash })
    expect(sessionId).toBe(asked)
  }
  expect(await anvil.call('eth_getTransactionCount', [wallet.address, 'pending'])).toBe('0x0')

  expect(statuses((await execute(batch)).body)).toEqual(Array(5).fill('submitted'))
  expect(statuses(await look(batch))).toEqual(Array(5).fill('mined'))
  expect((await market.balanceOf(market.tokenB, wallet.address)) - before).toBeGreaterThan(900n)
  const [first] = batch.unsignedOps
  const one = await world.call<TransactionResponse>('ada', 'GET', `/api/v1/transactions/${first!.sessionId}`)
  expect(one.body).toMatchObject({ status: 'mined', receipt: { status: 'success' } })
})

test('repeating any step answers the same and does nothing twice', async () => {
  const batch = await built([pay(), pay(), pay()])
  const first = await signBatch(batch)
  const calls = world.keys.calls.length
  expect((await signBatch(batch)).body).toEqual(first.body)
  expect(world.keys.calls).toHaveLength(calls)
  const sent = await execute(batch)
  expect((await execute(batch)).body).toEqual(sent.body)
  expect((await signBatch(batch)).body).toEqual(first.body)
  expect(statuses(await look(batch))).toEqual(['mined', 'mined', 'mined'])
  expect(await anvil.call('eth_getTransactionCount', [wallet.address, 'latest'])).toBe('0x3')
})

test('requests that come at once sign one batch once', async () => {
  const batch = await built([pay(), pay()])
  const answers = await Promise.all(Array.from({ length: 5 }, () => signBatch(batch)))
  const hashes = answers.filter(({ status }) => status === 200).map(({ body }) => JSON.stringify(body.signedOps))
  expect(new Set(hashes).size).toBe(1)
  for (const { status, body } of answers) if (status !== 200) expect(body.error).toBe('REQUEST_IN_PROGRESS')
})

test('later operations get the usual gas where the chain cannot tell yet, and what the caller gave', async () => {
  const gas = ({ unsignedOps }: BatchOperationsResponse) => unsignedOps.map(({ unsignedTx }) => unsignedTx.gasLimit)
  const batch = await built([
    pay(),
    approved(),
    swapped(),
    { ...pay(), gasLimit: '33333' },
    { ...swapped(), gasLimit: '7' },
  ])
  expect(gas(batch)).toEqual(['21000', '100000', '350000', '33333', '7'])
  const data = ABI.encodeFunctionData('approve', [SHOP, 1n])
  const [estimated] = gas(await built([{ type: 'call', to: market.tokenA, data }]))
  expect(Number(estimated)).toBeGreaterThan(40_000)
  expect(Number(estimated)).toBeLessThan(70_000)
})

test.each([
  ['the first operation would revert', () => [swapped(), pay()], 0],
  ['a later call cannot be estimated', () => [pay(), { type: 'call', to: market.router, data: '0xdeadbeef' }], 1],
])('refuses by name when %s, and leaves the nonces', async (_, operations, index) => {
  const { status, body } = await build(operations())
  expect({ status, error: body.error, details: body.details }).toEqual({
    status: 422,
    error: 'TRANSACTION_REJECTED',
    details: `operation ${index}: execution reverted`,
  })
  expect((await built([pay()])).unsignedOps[0]!.unsignedTx.nonce).toBe(0)
})

const wrong = '0x70997970c51812dC3A010C7d01b50e0d17dc79C8'

test.each([
  ['a wrong checksum', () => [pay(), { ...pay(), to: wrong }], 'operation 1: to: the EIP-55 checksum is wrong'],
  ['more than exists', () => [{ ...pay(`${2n ** 256n}`), token: market.tokenA }], 'operation 0: amount: too large'],
  ['more gas than fits', () => [{ ...pay(), gasLimit: `${2n ** 63n}` }], 'operation 0: gasLimit: too large'],
  ['a router that is not served', () => [{ ...swapped(), router: SHOP }], /^operation 0: router: /],
  ['a token for itself', () => [{ ...swapped(), tokenOut: market.tokenA }], /^operation 0: tokenOut: /],
  ['no operation', () => [], /^body.operations: /],
  ['more than fifty', () => Array(51).fill(pay()), /^body.operations: /],
])('refuses %s', async (_, operations, details) => {
  const { status, body } = await build(operations())
  expect({ status, error: body.error }).toEqual({ status: 400, error: 'VALIDATION_FAILED' })
  expect(body.details).toMatch(details)
})

test('swaps need a router on their chain', async () => {
  const bare = await startWorld(node.url)
  const { profileId } = await bare.createWallet('ada')
  const body = { profileId, chainId: CHAIN, operations: [swapped()] }
  const answer = await bare.call('ada', 'POST', '/api/v1/batch/operations', body)
  expect(answer.body).toMatchObject({ error: 'VALIDATION_FAILED', details: expect.stringContaining('no router') })
  await bare.close()
})

test('a transaction the node refuses takes those behind it along, each accounted for, and frees their nonces', async () => {
  const balance = BigInt(String(await anvil.call('eth_getBalance', [wallet.address, 'latest'])))
  const half = { ...pay(String((balance * 3n) / 5n)), gasLimit: '21000' }
  const batch = await built([pay(), half, half, pay(), pay()])
  await signBatch(batch)
  const { status, body } = await execute(batch)
  expect(status).toBe(200)
  expect(statuses(body)).toEqual(['submitted', 'submitted', 'failed', 'failed', 'failed'])
  expect(body.operations.map(({ error }) => error)).toEqual([
    undefined,
    undefined,
    { code: 'TRANSACTION_REJECTED', details: 'insufficient funds' },
    ...Array(2).fill({ code: 'TRANSACTION_REJECTED', details: 'operation 2 was refused' }),
  ])
  expect((await execute(batch)).body).toEqual(body)
  expect(statuses(await look(batch))).toEqual(['mined', 'mined', 'failed', 'failed', 'failed'])
  expect((await built([pay()])).unsignedOps[0]!.unsignedTx.nonce).toBe(2)
})

test.each(['lose request', 'lose answer'] as const)(
  'a broken line to the chain (%s) stops the batch by name, and the repetition goes on',
  async (fate) => {
    const batch = await built([pay(), pay(), pay()])
    await signBatch(batch)
    let sends = 0
    node.fateOf = (method) => (method === 'eth_sendRawTransaction' && ++sends > 1 ? fate : 'pass')
    const { body } = await execute(batch)
    expect(statuses(body)).toEqual(['submitted', 'signed', 'signed'])
    expect(body.operations[1]!.error).toEqual({ code: 'CHAIN_UNAVAILABLE' })
    const given = await world.call('ada', 'DELETE', `/api/v1/batch/${batch.batchId}`)
    expect(given.body).toMatchObject({ error: 'SESSION_CONSUMED', details: 'the batch was sent' })
    node.fateOf = () => 'pass'
    expect(statuses((await execute(batch)).body)).toEqual(['submitted', 'submitted', 'submitted'])
    expect(statuses(await look(batch))).toEqual(['mined', 'mined', 'mined'])
  },
)

test('a batch that could not be signed fails for good, by name, and the next one gets its nonces', async () => {
  const batch = await built([pay(), pay()])
  const failing = { error: 'MPC_SIGNING_FAILED', details: 'operation 1' }
  world.keys.meddle = async (operation, answer) => {
    if (operation !== 'complete batch') return answer
    const { WireError } = await import('@tandem/wire')
    throw new WireError('MPC_SIGNING_FAILED', 'operation 1')
  }
  expect((await signBatch(batch)).body).toMatchObject(failing)
  world.keys.meddle = honest
  expect((await signBatch(batch)).body).toMatchObject(failing)
  expect((await execute(batch)).body).toMatchObject({ error: 'SESSION_CONSUMED' })
  const { operations } = await look(batch)
  const error = { code: 'MPC_SIGNING_FAILED', details: 'operation 1' }
  expect(operations.map((one) => [one.status, one.error])).toEqual(Array(2).fill(['expired', error]))

  const next = await built([pay(), pay()])
  expect(next.unsignedOps.map(({ unsignedTx }) => unsignedTx.nonce)).toEqual([0, 1])
  await signBatch(next)
  await execute(next)
  expect(statuses(await look(next))).toEqual(['mined', 'mined'])
})

test.each([
  ['of another key', (one: object) => ({ ...one, signature: `0x${'11'.repeat(64)}00` })],
  ['of another digest', (one: object) => ({ ...one, digest: `0x${'22'.repeat(32)}` })],
  ['of another session', (one: object) => ({ ...one, sessionId: `ses_${'A'.repeat(22)}` })],
])('refuses a signature %s among good ones, and sends nothing', async (_, spoil) => {
  const batch = await built([pay(), pay(), pay()])
  world.keys.meddle = async (operation, answer) => {
    if (operation !== 'complete batch') return answer
    const signatures = answer['signatures'] as object[]
    return { ...answer, signatures: signatures.with(1, spoil(signatures[1]!)) }
  }
  const { status, body } = await signBatch(batch)
  expect({ status, error: body.error }).toEqual({ status: 500, error: 'MPC_SIGNING_FAILED' })
  expect(statuses(await look(batch))).toEqual(['prepared', 'prepared', 'prepared'])
  world.keys.meddle = honest
  expect((await signBatch(batch)).status).toBe(200)
})

test('refuses a batch one digest of which Sigpair computed differently, and takes the nonces back', async () => {
  world.keys.meddle = async (operation, answer) => {
    if (operation !== 'prepare batch') return answer
    const sessions = answer['sessions'] as object[]
    return { ...answer, sessions: sessions.with(1, { ...sessions[1]!, digest: `0x${'22'.repeat(32)}` }) }
  }
  await expect(built([pay(), pay()])).rejects.toThrow('INTERNAL')
  world.keys.meddle = honest
  expect((await built([pay()])).unsignedOps[0]!.unsignedTx.nonce).toBe(0)
})

test('what is refused before anything is spent can be tried again', async () => {
  const batch = await built([pay(), pay()])
  expect((await signBatch(batch, 1)).body).toMatchObject({ error: 'VALIDATION_FAILED' })
  expect((await execute(batch)).body).toMatchObject({
    error: 'SESSION_CONSUMED',
    details: 'operation 0: is not signed',
  })
  expect((await signBatch(batch)).status).toBe(200)
})

test('a batch that is given up frees its nonces, signed or not, and cannot be signed or sent any more', async () => {
  const remove = ({ batchId }: { batchId: string }) =>
    world.call<BatchResponse>('ada', 'DELETE', `/api/v1/batch/${batchId}`)
  const batch = await built([pay(), pay()])
  expect(statuses((await remove(batch)).body)).toEqual(['expired', 'expired'])
  expect((await signBatch(batch)).body).toMatchObject({ error: 'SESSION_CONSUMED', details: 'given up' })

  const next = await built([pay(), pay()])
  expect(next.unsignedOps[0]!.unsignedTx.nonce).toBe(0)
  await signBatch(next)
  expect(statuses((await remove(next)).body)).toEqual(['failed', 'failed'])
  expect(statuses((await execute(next)).body)).toEqual(['failed', 'failed'])
  expect(await anvil.call('eth_getTransactionCount', [wallet.address, 'pending'])).toBe('0x0')

  const last = await built([pay()])
  expect(last.unsignedOps[0]!.unsignedTx.nonce).toBe(0)
  await signBatch(last)
  await execute(last)
  expect((await remove(last)).body).toMatchObject({ error: 'SESSION_CONSUMED', details: 'the batch was sent' })
  expect(statuses(await look(last))).toEqual(['mined'])
})

test('a batch that Sigpair has signed is not given up, though its answer was of no use', async () => {
  const batch = await built([pay(), pay()])
  world.keys.meddle = async (operation, answer) =>
    operation === 'complete batch' ? { ...answer, signatures: [] } : answer
  expect((await signBatch(batch)).body.error).toBe('MPC_SIGNING_FAILED')
  world.keys.meddle = honest
  const { body } = await world.call('ada', 'DELETE', `/api/v1/batch/${batch.batchId}`)
  expect(body).toMatchObject({ error: 'SESSION_CONSUMED' })
  expect((await signBatch(batch)).status).toBe(200)
})

test('a session of a batch is not signed by itself, nor by a dialogue', async () => {
  const { unsignedOps } = await built([pay()])
  const { sessionId } = unsignedOps[0]!
  expect((await sign(world, wallet, sessionId)).body).toMatchObject({ error: 'VALIDATION_FAILED' })
  const ticket = { operation: 'sign', keyId: wallet.key.keyId, sessionId }
  const { body } = await world.call('ada', 'POST', '/api/v1/mpc/tickets', ticket)
  expect(body).toMatchObject({ error: 'VALIDATION_FAILED' })
})

test('batches and payments share the nonces of their account, without gaps', async () => {
  const single = await prepare(world, wallet)
  const batch = await built([pay(), pay()])
  const last = await prepare(world, wallet)
  const nonces = batch.unsignedOps.map(({ unsignedTx }) => unsignedTx.nonce)
  expect([single.unsignedTx.nonce, ...nonces, last.unsignedTx.nonce]).toEqual([0, 1, 2, 3])
  const { body } = await build(Array(50).fill(pay()))
  const full = await build(Array(12).fill(pay()))
  expect(body.unsignedOps).toHaveLength(50)
  expect(full.body).toMatchObject({ error: 'RATE_LIMITED', details: 'too many open transactions' })
})

test('another user finds no batch', async () => {
  const batch = await built([pay()])
  const { batchId } = batch
  const signatures = [freshShare()]
  expect((await build([pay()], {}, 'eve')).status).toBe(404)
  expect((await post('/api/v1/mpc/batch-sign', { batchId, signatures }, 'eve')).status).toBe(404)
  expect((await post(`/api/v1/batch/${batchId}/execute`, undefined, 'eve')).status).toBe(404)
  expect((await world.call('eve', 'GET', `/api/v1/batch/${batchId}`)).status).toBe(404)
  expect((await world.call('eve', 'DELETE', `/api/v1/batch/${batchId}`)).status).toBe(404)
})

test('one batch of fifty is one request of the limit', async () => {
  const limited = await startWorld(node.url, {
    buckets: { ...world.config.buckets, sign: { name: 'sign', limit: 2, windowMs: 60_000 } },
  })
  const rich = await limited.createWallet('ada')
  await anvil.fund(rich.address)
  const request = { profileId: rich.profileId, chainId: CHAIN, operations: Array(20).fill(pay()) }
  const batches = [1, 2, 3].map(async () =>
    limited.call<BatchOperationsResponse>('ada', 'POST', '/api/v1/batch/operations', request),
  )
  const results: number[] = []
  for (const { body } of await Promise.all(batches)) {
    const signatures = body.unsignedOps.map(() => freshShare())
    const again = { batchId: body.batchId, signatures }
    const { status } = await limited.call('ada', 'POST', '/api/v1/mpc/batch-sign', again)
    const repeated = await limited.call('ada', 'POST', '/api/v1/mpc/batch-sign', again)
    results.push(status, repeated.status)
  }
  expect(results).toEqual([200, 200, 200, 200, 429, 429])
  await limited.close()
})
