import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { type Rpc, rpc } from '../../functions/src/ports/rpc.ts'

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
  const { resolve } = createRequire(import.meta.url)
  const binary = resolve(
    `@foundry-rs/anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}/bin/anvil`,
  )
  const child = spawn(binary, ['--host', '127.0.0.1', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const url = `http://${await listeningAt(child)}`
  const call = rpc(url)
  return {
    url,
    call,
    fund: async (address) => {
      await call('anvil_setBalance', [address, '0x8ac7230489e80000'])
    },
    mine: async () => {
      await call('evm_mine', [])
    },
    stop: async () => {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}

async function listeningAt(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const [, address] = /Listening on ([0-9.]+:[0-9]+)/.exec(line) ?? []
    if (address !== undefined) {
      child.stdout!.resume()
      return address
    }
  }
  throw new Error('anvil ended before it listened')
}
