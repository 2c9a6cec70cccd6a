import { startAnvil as startLocalAnvil } from '@tandem/local'
import { type Rpc, rpc } from '../../functions/src/ports/rpc.ts'
import { freePort } from './free-port.ts'

export type Anvil = {
  readonly url: string
  readonly call: Rpc
  readonly fund: (address: string) => Promise<void>
  /** The node mines each transaction a moment after it took it; resolves when those it has are in a block. */
  readonly mine: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** A real EVM node on a free port. */
export async function startAnvil(): Promise<Anvil> {
  const { rpcUrl, stop } = await startLocalAnvil({ port: await freePort() })
  const call = rpc(rpcUrl)
  return {
    url: rpcUrl,
    call,
    fund: async (address) => {
      await call('anvil_setBalance', [address, '0x8ac7230489e80000'])
    },
    mine: async () => {
      await call('evm_mine', [])
    },
    stop,
  }
}
