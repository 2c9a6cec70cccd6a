import { createServer } from 'node:net'
import { type RunningChain, startAnvil } from '@tandem/local'
import { JsonRpcProvider } from 'ethers'

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return port
}

let chain: RunningChain | undefined
afterEach(() => chain?.stop())

test('starts a real EVM node that mines, and stops it', async () => {
  chain = await startAnvil({ port: await freePort() })
  const provider = new JsonRpcProvider(chain.rpcUrl, chain.chainId, { staticNetwork: true, cacheTimeout: -1 })
  const signer = await provider.getSigner(0)
  const receipt = await (await signer.sendTransaction({ to: `0x${'11'.repeat(20)}`, value: 1n })).wait()
  expect(receipt?.blockNumber).toBe(1)

  const same = await startAnvil({ port: 1, rpcUrl: chain.rpcUrl })
  expect(same.chainId).toBe(31_337)
  await same.stop()
  expect(await provider.getBlockNumber()).toBe(1)

  provider.destroy()
  await chain.stop()
  await chain.stop()
  await expect(startAnvil({ port: 1, rpcUrl: chain.rpcUrl })).rejects.toThrow(`no EVM node answers at ${chain.rpcUrl}`)
})

test('names a taken port and how to move it', async () => {
  const blocker = createServer()
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
  const { port } = blocker.address() as { port: number }
  await expect(startAnvil({ port })).rejects.toThrow(/anvil.*is taken.*--chain-port \d+ \(or CHAIN_PORT=\d+\)/)
  blocker.close()
})
