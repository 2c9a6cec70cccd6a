import type { BatchOperationsResponse, BatchResponse } from '@tandem/wire'
import type { BuildOperations } from '../../functions/src/batch/builder.ts'
import { localBuilder } from '../../functions/src/batch/local-builder.ts'
import { orbyBuilder } from '../../functions/src/batch/orby-builder.ts'
import { startAnvil } from './anvil.ts'
import { honestPlan, type OrbyServer, startOrby } from './orby-server.ts'
import { freshShare, SHOP, startWorld } from './world.ts'

const FROM = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'
const TOKEN = '0x5FbDB2315678afecb367f032d93F642f64180aa3'
const request: Parameters<BuildOperations>[0] = {
  chainId: 31337,
  from: FROM,
  operations: [
    { type: 'transfer', to: SHOP, amount: '7' },
    { type: 'approve', token: TOKEN, spender: SHOP, amount: '5' },
  ],
  deadline: 1_900_000_000,
}

let orby: OrbyServer
let build: BuildOperations
const local = localBuilder(new Map())

beforeEach(async () => {
  orby = await startOrby()
  build = orbyBuilder(orby.url, local)
})
afterEach(() => orby.close())

test('speaks the documented calls: cluster and node at the instance, plans at the node', async () => {
  const built = await build(request)
  expect(orby.calls.slice(0, 2)).toEqual([
    {
      path: '/private-key',
      method: 'orby_createAccountCluster',
      params: { accounts: [{ vmType: 'EVM', address: FROM, accountType: 'EOA' }] },
    },
    {
      path: '/private-key',
      method: 'orby_getVirtualNodeRpcUrl',
      params: { accountClusterId: 'cluster-1', chainId: 'EIP155-31337', entrypointAccountAddress: FROM },
    },
  ])
  const plans = orby.calls.slice(2)
  expect(plans.every(({ path, method }) => path === '/node/1' && /ExecuteTransaction$/.test(method))).toBe(true)
  const [first] = await local(request)
  expect(plans.map(({ params }) => params)).toContainEqual({
    ...{ accountClusterId: 'cluster-1', to: SHOP, data: '0x', value: '0x7' },
  })
  expect(built[0]).toEqual({ ...first, usualGas: 120_000n })
  expect(built.map(({ operation }) => operation)).toEqual([0, 1])
})

test('takes a plan of several steps, each for its operation, with the primary one last', async () => {
  orby.plan = ([step]) => ({
    status: 'SUCCESS',
    intents: [
      { intentOperations: [{ ...step, to: TOKEN.toLowerCase(), data: '0xABCD', value: null, gasLimit: null }] },
    ],
    primaryOperation: step,
  })
  const built = await build(request)
  expect(built.map(({ operation, to, data }) => [operation, to, data.slice(0, 6)])).toEqual([
    [0, TOKEN, '0xabcd'],
    [0, SHOP, '0x'],
    [1, TOKEN, '0xabcd'],
    [1, TOKEN, '0x095e'],
  ])
  expect(built[0]).toEqual({ operation: 0, to: TOKEN, value: 0n, data: '0xabcd' })
})

const REJECTED = 'TRANSACTION_REJECTED'

test.each([
  ['typed data', { format: 'TYPED_DATA' }, REJECTED],
  ['another chain', { chainId: 'EIP155-1' }, REJECTED],
  ['another account', { from: SHOP }, REJECTED],
  ['more wei than exist', { value: `0x1${'0'.repeat(64)}` }, 'CHAIN_UNAVAILABLE'],
  ['a decimal amount too large', { value: `${2n ** 256n}` }, REJECTED],
  ['no address', { to: '0x' }, 'CHAIN_UNAVAILABLE'],
  ['no hex', { data: '0xzz' }, 'CHAIN_UNAVAILABLE'],
  ['odd hex', { data: '0x0' }, 'CHAIN_UNAVAILABLE'],
  ['more calldata than a transaction takes', { data: `0x${'00'.repeat(49_153)}` }, 'CHAIN_UNAVAILABLE'],
])('refuses a step with %s, by name', async (_, change, code) => {
  orby.plan = ([step]) => honestPlan([{ ...step, ...change }])
  const details = expect.stringMatching(/^operation 0: (the builder|the operation builder)/)
  await expect(build(request)).rejects.toMatchObject({ code, details })
})

test.each([
  ['no plan', () => ({ status: 'NO_EXECUTION_PATH' }), REJECTED],
  ['an empty plan', () => honestPlan([]), REJECTED],
  ['a plan without a status', () => ({ intents: [] }), 'CHAIN_UNAVAILABLE'],
  ['too many steps', ([step]: readonly object[]) => honestPlan(Array(51).fill(step)), 'CHAIN_UNAVAILABLE'],
  ['no object', () => 'SUCCESS', 'CHAIN_UNAVAILABLE'],
  ['a refusal', () => undefined, REJECTED],
])('refuses %s, and tells nothing of its words', async (_, plan, code) => {
  orby.plan = plan
  const error = await build(request).catch((cause: unknown) => cause)
  expect(error).toMatchObject({ code, details: expect.stringMatching(/^operation [01]: /) })
  expect(JSON.stringify(error)).not.toContain('secret')
})

test.each(['http://127.0.0.2:1/node', 'https://127.0.0.1/node', 'file:///etc/passwd', 'http://metadata.internal/'])(
  'goes nowhere else when it is sent to %s',
  async (url) => {
    orby.nodeUrl = () => url
    await expect(build(request)).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE', details: 'the operation builder' })
    expect(orby.calls).toHaveLength(2)
  },
)

test('a gas limit the caller gave stays, and one that no step needs is not believed', async () => {
  orby.plan = ([step]) => honestPlan([{ ...step, gasLimit: '999999999' }])
  const [given, approve] = request.operations
  const built = await build({ ...request, operations: [{ ...given!, gasLimit: '40000' }, approve!] })
  expect(built[0]).toMatchObject({ gasLimit: 40_000n })
  expect(built.map(({ usualGas }) => usualGas)).toEqual([undefined, 100_000n])
})

test('an instance that is not there is unavailable', async () => {
  await orby.close()
  await expect(build(request)).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' })
})

test('a batch that Orby has planned is prepared, signed and mined like any other', async () => {
  const anvil = await startAnvil()
  const world = await startWorld(anvil.url, { orbyUrl: orby.url })
  try {
    const wallet = await world.createWallet('ada')
    await anvil.fund(wallet.address)
    const operations = [1, 2].map((amount) => ({ type: 'transfer', to: SHOP, amount: String(amount) }))
    const body = { profileId: wallet.profileId, chainId: 31337, operations }
    const built = await world.call<BatchOperationsResponse>('ada', 'POST', '/api/v1/batch/operations', body)
    // Orby's own nonce and fees are not what is signed.
    const [first] = built.body.unsignedOps
    expect(first).toMatchObject({ operation: 0, unsignedTx: { to: SHOP, value: '1', nonce: 0, gasLimit: '21000' } })
    expect(orby.calls.some(({ method }) => method === 'orby_getOperationsToExecuteTransaction')).toBe(true)

    const { batchId } = built.body
    const signatures = [freshShare(), freshShare()]
    await world.call('ada', 'POST', '/api/v1/mpc/batch-sign', { batchId, signatures })
    await world.call('ada', 'POST', `/api/v1/batch/${batchId}/execute`)
    await anvil.mine()
    const { body: batch } = await world.call<BatchResponse>('ada', 'GET', `/api/v1/batch/${batchId}`)
    expect(batch.operations.map(({ status }) => status)).toEqual(['mined', 'mined'])
  } finally {
    await world.close()
    await anvil.stop()
  }
})
