import type { Operation, TandemClient, Wallet } from '@tandem/client'
import { Interface, parseEther } from 'ethers'
import { rpc } from '../../functions/src/ports/rpc.ts'
import { verifyTwice } from '../../infra/local/src/story/verify-twice.ts'
import { readKey } from '../../sigpair/src/keys/key-status.ts'
import { policyAt, policyText } from '../../sigpair/src/policy/policy-store.ts'
import { batchReleaseAt } from '../../sigpair/src/sign/batch-records.ts'
import { pairAt, presignatureAt } from '../../sigpair/src/stores.ts'
import { type Market, openMarket } from '../helpers/market.ts'
import { ask, freePort, platformWith, startTestStack, type TestStack } from '../helpers/stack.ts'

const SHOP = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
const TOKEN = new Interface(['function transfer(address,uint256)'])

let stack: TestStack
let market: Market
let functionsUrl: string
let alice: TandemClient
let wallet: Wallet

/** A device of the functions that knows the market's router. */
const deviceOf = (user: string, options: Parameters<TestStack['device']>[1] = {}) =>
  stack.device(user, { baseUrl: functionsUrl, ...options })

/** Creates a wallet with ether and tokens. */
async function rich(client: TandemClient): Promise<Wallet> {
  const created = await client.createWallet('Batches')
  await stack.chain.fund(created.address, parseEther('10'))
  await market.give(market.tokenA, created.address, 10n ** 24n)
  return created
}

beforeAll(async () => {
  stack = await startTestStack()
  market = await openMarket(rpc(stack.line.url))
  const port = await freePort()
  const routers = { [stack.chainId]: [market.router] }
  await stack.another('functions', { PORT: String(port), SWAP_ROUTERS: JSON.stringify(routers) })
  functionsUrl = `http://127.0.0.1:${port}`
  alice = deviceOf('alice')
  wallet = await rich(alice)
}, 120_000)
afterAll(async () => {
  await alice.close()
  await stack.stop()
})

const pay = (amount = 1n): Operation => ({ type: 'transfer', to: SHOP, amount })
const deadline = () => Math.floor(Date.now() / 1000) + 600

/** Ten times: pay, pay a token, approve, swap what was approved, call. */
function fifty(): Operation[] {
  const { tokenA, tokenB, router } = market
  return Array.from({ length: 10 }, (_, i): Operation[] => {
    const amountIn = 1_000n + BigInt(i)
    return [
      pay(BigInt(1_000 + i)),
      { type: 'transfer', to: SHOP, amount: 5n, token: tokenA },
      { type: 'approve', token: tokenA, spender: router, amount: amountIn },
      { type: 'swap', router, tokenIn: tokenA, tokenOut: tokenB, amountIn, minAmountOut: 900n, deadline: deadline() },
      { type: 'call', to: tokenA, data: TOKEN.encodeFunctionData('transfer', [SHOP, 7n]) },
    ]
  }).flat()
}

test('fifty operations of every kind are signed by one request and mined in their order', async () => {
  const [before, tokens] = [await stack.chain.balance(SHOP), await market.balanceOf(market.tokenA, SHOP)]
  const sent = await alice.sendBatch(wallet, { chainId: stack.chainId, operations: fifty() })
  expect(sent.operations.map(({ status }) => status)).toEqual(Array(50).fill('submitted'))
  const { operations } = await sent.wait()
  expect(operations.map(({ index, status }) => [index, status])).toEqual(
    Array.from({ length: 50 }, (_, i) => [i, 'mined']),
  )

  const mined = await Promise.all(operations.map(async ({ txHash }) => stack.chain.mined(txHash!)))
  const blocks = mined.map(({ blockNumber }) => blockNumber)
  expect(blocks).toEqual(blocks.toSorted((a, b) => a - b))
  const { current } = (await readKey(stack.stores, wallet.keyId))!.key
  for (const { from, signature, digest } of mined) {
    expect(from).toBe(wallet.address)
    const verdicts = verifyTwice(signature, digest, current!.publicKey)
    expect(verdicts).toMatchObject({ noble: true, second: true })
  }
  expect((await stack.chain.balance(SHOP)) - before).toBe(10_045n)
  expect((await market.balanceOf(market.tokenA, SHOP)) - tokens).toBe(120n)
  expect(await market.balanceOf(market.tokenB, wallet.address)).toBeGreaterThan(9_000n)
  expect(await market.allowance(market.tokenA, wallet.address, market.router)).toBe(0n)
  expect(alice.presignaturesInStock(wallet)).toBe(0)
}, 120_000)

test('the log has one line for what the batch was given', async () => {
  const path = `/api/v1/audit?keyId=${wallet.keyId}&after=0&limit=200`
  const { body } = await ask(stack, 'alice', 'GET', path)
  const lines = body['lines'] as readonly {
    readonly entry: { readonly methodName: string; readonly metadata: object }
  }[]
  const batch = lines.map(({ entry }) => entry).filter(({ methodName }) => methodName.startsWith('batch.'))
  expect(batch.map(({ methodName }) => methodName)).toEqual(['batch.prepare', 'batch.release', 'batch.complete'])
  for (const { metadata } of batch) expect(metadata).toMatchObject({ operations: 50 })
})

test('a presignature that Sigpair has not costs another set, and the batch is signed all the same', async () => {
  await alice.fillPresignatures(wallet, 3)
  const { presignatures } = stack.stores
  const pair = (await readKey(stack.stores, wallet.keyId))!.pair!
  const [, second] = (await presignatures.get(pairAt(pair)))!.data.stock
  const doc = (await presignatures.get(presignatureAt(wallet.keyId, second!)))!
  const spent = { ...doc.data, status: 'CONSUMED' as const, payload: null }
  await presignatures.update(presignatureAt(wallet.keyId, second!), spent, { ifVersion: doc.version })

  const sent = await alice.sendBatch(wallet, { chainId: stack.chainId, operations: [pay(), pay(), pay()] })
  expect((await sent.wait()).operations.map(({ status }) => status)).toEqual(['mined', 'mined', 'mined'])
}, 60_000)

test('an answer that is lost on the way is asked for again, and nothing is signed or sent twice', async () => {
  const lost = new Set<string>()
  const platform = platformWith(async (url, request, pass) => {
    const answer = await pass(url, request)
    const name = /batch\/operations|batch-sign|execute/.exec(url)?.[0]
    if (name === undefined || lost.has(name)) return answer
    lost.add(name)
    throw new TypeError('the line broke')
  })
  const bob = deviceOf('bob', { platform })
  const own = await rich(bob)
  const before = await stack.chain.balance(SHOP)
  const sent = await bob.sendBatch(own, { chainId: stack.chainId, operations: [pay(3n), pay(4n)] })
  await sent.wait()
  expect(lost.size).toBe(3)
  expect((await stack.chain.balance(SHOP)) - before).toBe(7n)
  await bob.close()
}, 60_000)

test('a backend that builds something else gets no signature, and its nonces are free again', async () => {
  let lie = true
  const platform = platformWith(async (url, request, pass) => {
    const answer = await pass(url, request)
    if (!lie || !url.endsWith('/batch/operations')) return answer
    const text = (await answer.text()).replaceAll(SHOP, '0x66f820a414680B5bcda5eECA5dea238543F42054')
    return { status: answer.status, text: async () => text }
  })
  const carol = deviceOf('carol', { platform })
  const own = await rich(carol)
  const batch = { chainId: stack.chainId, operations: [pay(), pay()] }
  await expect(carol.sendBatch(own, batch)).rejects.toMatchObject({
    code: 'ANSWER_REFUSED',
    message: expect.stringContaining('operation 0'),
  })
  lie = false
  const sent = await carol.sendBatch(own, batch)
  expect((await sent.wait()).operations.map(({ status }) => status)).toEqual(['mined', 'mined'])
  await carol.close()
}, 60_000)

test('a policy that refuses one operation refuses the batch by name; without it the next one is mined', async () => {
  const dave = deviceOf('dave')
  const own = await rich(dave)
  const policy = { recipients: [SHOP] }
  const record = { keyId: own.keyId, version: 1, inForce: [policyText(policy)], pending: null, nonce: '0x' }
  await stack.stores.presignatures.create(policyAt(own.keyId), record)
  const stranger: Operation = { type: 'transfer', to: wallet.address, amount: 1n }
  const refused = dave.sendBatch(own, { chainId: stack.chainId, operations: [pay(), pay(), stranger, pay()] })
  await expect(refused).rejects.toMatchObject({ code: 'POLICY_DENIED', details: 'operation 2: recipients' })

  const sent = await dave.sendBatch(own, { chainId: stack.chainId, operations: [pay(), pay(), pay()] })
  expect((await sent.wait()).operations.map(({ status }) => status)).toEqual(['mined', 'mined', 'mined'])
  await dave.close()
}, 60_000)

test('a chain that refuses one stops the batch there, and the app hears which', async () => {
  const eve = deviceOf('eve')
  const own = await rich(eve)
  const most: Operation = { type: 'transfer', to: SHOP, amount: parseEther('6'), gasLimit: 21_000n }
  const stopped = eve.sendBatch(own, { chainId: stack.chainId, operations: [pay(), most, most, pay()] })
  const error = (await stopped.catch((cause: unknown) => cause)) as { code: string; details: string }
  expect(error).toMatchObject({ code: 'TRANSACTION_REJECTED' })
  const [, batchId, index] = /^(bat_.{22}), operation ([0-9]): insufficient funds$/.exec(error.details)!
  expect(index).toBe('2')
  const { operations } = await eve.batch(batchId!)
  expect(operations.map(({ status }) => status).slice(2)).toEqual(['failed', 'failed'])

  const sent = await eve.sendBatch(own, { chainId: stack.chainId, operations: [pay(), pay()] })
  expect((await sent.wait()).operations.map(({ status }) => status)).toEqual(['mined', 'mined'])
  await eve.close()
}, 60_000)

test('Sigpair is killed when it has released a batch: nothing of it is paid twice, and the next one works', async () => {
  const { presignatures } = stack.stores
  let killed: Promise<void> | undefined
  const killWhenReleased = async (keyId: string, batchId: string) => {
    for (let i = 0; i < 5_000; i++) {
      if ((await presignatures.get(batchReleaseAt(keyId, batchId))) !== undefined)
        return stack.service('sigpair').kill()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  let keyId = ''
  const platform = platformWith(async (url, request, pass) => {
    if (killed === undefined && url.endsWith('/batch-sign')) {
      const { batchId } = JSON.parse(request.body ?? '') as { batchId: string }
      killed = killWhenReleased(keyId, batchId).then(async () => stack.service('sigpair').start())
    }
    return pass(url, request)
  })
  const frank = deviceOf('frank', { platform })
  const own = await rich(frank)
  keyId = own.keyId
  const before = await stack.chain.balance(SHOP)
  const batch = { chainId: stack.chainId, operations: Array.from({ length: 30 }, () => pay(1n)) }
  const first = await frank.sendBatch(own, batch).then(
    async (sent) => (await sent.wait()).operations.length,
    () => 0,
  )
  await killed
  await frank.settleBatches()

  const next = await frank.sendBatch(own, batch)
  expect((await next.wait()).operations.map(({ status }) => status)).toEqual(Array(30).fill('mined'))
  expect((await stack.chain.balance(SHOP)) - before).toBe(BigInt(first + 30))
  await frank.close()
}, 90_000)
