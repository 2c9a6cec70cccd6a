import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chainOver, chains } from '../../functions/src/ports/chain.ts'
import { type Rpc, RpcRefusal, rpc } from '../../functions/src/ports/rpc.ts'

/** A node that answers every request with this. */
async function nodeAnswering(status: number, body: string): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer((_, res) => void res.writeHead(status).end(body))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

const refusal = (code: number, message: string) => JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code, message } })

test.each([
  ['HTML', 200, '<html></html>'],
  ['nothing', 200, ''],
  ['JSON that is no JSON-RPC', 200, '[]'],
  ['"too many requests"', 429, '{}'],
  ['a limit as JSON-RPC', 200, refusal(-32005, 'limit exceeded')],
  ['more than anybody asked for', 200, `"${'x'.repeat(3 * 1024 * 1024)}"`],
])('a node that answers %s is unavailable', async (_, status, body) => {
  const { url, server } = await nodeAnswering(status, body)
  await expect(rpc(url)('eth_chainId', [])).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' })
  server.close()
})

test('a node that refuses keeps its code, also with an HTTP error', async () => {
  const { url, server } = await nodeAnswering(400, refusal(-32602, 'invalid params'))
  const refused = rpc(url)('eth_call', [])
  await expect(refused).rejects.toBeInstanceOf(RpcRefusal)
  await expect(refused).rejects.toMatchObject({ code: -32602, reason: 'invalid params' })
  server.close()
})

test('a node of another chain is not used, and is asked again once it is the right one', async () => {
  const { url, server } = await nodeAnswering(200, '{"jsonrpc":"2.0","id":1,"result":"0x5"}')
  await expect(chains(new Map([[1, url]]))(1)).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' })
  await expect(chains(new Map([[5, url]]))(5)).resolves.toBeDefined()
  server.close()
})

/** A node that refuses to take a transaction, and knows it or not. */
const refusing =
  (reason: string, known: object | null): Rpc =>
  async (method) => {
    if (method === 'eth_getTransactionByHash') return known
    throw new RpcRefusal(-32000, reason)
  }

// How geth, reth, erigon, nethermind and anvil say it.
test.each([
  ['insufficient funds for gas * price + value: balance 0', 'insufficient funds'],
  ['nonce too low: next nonce 5, tx nonce 4', 'nonce already used'],
  ['replacement transaction underpriced', 'another transaction has this nonce'],
  ['transaction underpriced: gas tip cap 0, minimum needed 1', 'fee too low'],
  ['max fee per gas less than block base fee: address 0x, maxFeePerGas: 1, baseFee: 7', 'fee too low'],
  ['intrinsic gas too low: gas 20000, minimum needed 21000', 'gas limit too low'],
  ['exceeds block gas limit', 'gas limit too high'],
  ['execution reverted: ERC20: transfer amount exceeds balance', 'execution reverted'],
  ['invalid chain id for signer: have 1 want 5', 'another chain'],
  ['the node\u0007 has a bad day', 'refused by the node'],
])('"%s" is told as "%s"', async (reason, told) => {
  const refused = chainOver(refusing(reason, null)).broadcast('0x', '0x')
  await expect(refused).rejects.toMatchObject({ code: 'TRANSACTION_REJECTED', details: told })
})

test.each(['already known', 'transaction already imported', 'AlreadyKnown', 'nonce too low'])(
  '"%s" is a success when the node has the transaction',
  async (reason) => {
    await expect(chainOver(refusing(reason, { hash: '0x' })).broadcast('0x', '0x')).resolves.toBeUndefined()
  },
)

test('a node without a tip suggestion gets a usual one; one without base fees is refused', async () => {
  const node =
    (block: object): Rpc =>
    async (method) => {
      if (method === 'eth_getBlockByNumber') return block
      throw new RpcRefusal(-32601, 'method not found')
    }
  expect(await chainOver(node({ baseFeePerGas: '0xa' })).suggestFees()).toEqual({
    maxFeePerGas: 1_000_000_020n,
    maxPriorityFeePerGas: 1_000_000_000n,
  })
  await expect(chainOver(node({})).suggestFees()).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
})

test('a contract call gets a fifth more gas than estimated, a plain payment none', async () => {
  const estimating = (gas: string) =>
    chainOver(async () => gas).estimateGas({ from: '0x', to: '0x', value: 0n, data: '0x' })
  expect(await estimating('0x5208')).toBe(21_000n)
  expect(await estimating('0x186a0')).toBe(120_000n)
})
