import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { isExecutable, onPath } from './on-path.ts'
import { portOf, requireFreePort } from './ports.ts'

/** An EVM node that answers. */
export type RunningChain = {
  readonly rpcUrl: string
  readonly chainId: number
  /** where it came from, for people */
  readonly source: string
  readonly stop: () => Promise<void>
}

const READY_MS = 20_000
const STOP_MS = 5_000

/**
 * Starts anvil on loopback: the packaged binary, else one on the PATH. With `rpcUrl`, that node is used instead and
 * nothing is started or stopped.
 *
 * @param options.logFile where anvil's output goes; nowhere without it
 * @throws {Error} that says what to do, if there is no anvil, its port is taken, or the node does not answer
 */
export async function startAnvil(options: {
  readonly port: number
  readonly chainId?: number
  readonly rpcUrl?: string
  readonly logFile?: string
}): Promise<RunningChain> {
  if (options.rpcUrl !== undefined) return useNode(options.rpcUrl)
  const binary = findAnvil()
  await requireFreePort(portOf('the EVM node (anvil)', options.port, 'chain-port', 'CHAIN_PORT'))

  const chainId = options.chainId ?? 31_337
  const output = options.logFile === undefined ? 'ignore' : openSync(options.logFile, 'a', 0o600)
  const args = ['--host', '127.0.0.1', '--port', String(options.port), '--chain-id', String(chainId)]
  const child = spawn(binary, args, { stdio: ['ignore', output, output] })
  if (output !== 'ignore') closeSync(output)
  const rpcUrl = `http://127.0.0.1:${options.port}`
  const killed = () => void child.kill('SIGKILL')
  process.once('exit', killed)
  const stop = async () => {
    await end(child)
    process.off('exit', killed)
  }
  try {
    await Promise.race([answers(rpcUrl, chainId), gone(child)])
  } catch (cause) {
    await stop()
    throw new Error(`the EVM node (${binary}) did not start`, { cause })
  }
  return { rpcUrl, chainId, source: binary, stop }
}

async function useNode(rpcUrl: string): Promise<RunningChain> {
  try {
    return { rpcUrl, chainId: await chainIdOf(rpcUrl), source: rpcUrl, stop: async () => {} }
  } catch (cause) {
    throw new Error(`no EVM node answers at ${rpcUrl}`, { cause })
  }
}

/** npm has no binary for every platform, and some registries lack some: hence the PATH. */
function findAnvil(): string {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch
  const name = process.platform === 'win32' ? 'anvil.exe' : 'anvil'
  const inPackage = packaged(`@foundry-rs/anvil-${process.platform}-${arch}/package.json`, name)
  if (inPackage !== undefined && isExecutable(inPackage)) return inPackage
  // npm's own anvil is a script that wants the packaged binary
  const found = onPath(name, (folder) => !folder.includes('node_modules'))
  if (found !== undefined) return found
  throw new Error(
    [
      `npm has no anvil for ${process.platform}-${process.arch} here.`,
      'Install Foundry (https://getfoundry.sh) so that `anvil` is on the PATH,',
      "or give a node's URL: CHAIN_URL=http://127.0.0.1:8545 npm start",
    ].join(' '),
  )
}

function packaged(manifest: string, name: string): string | undefined {
  try {
    return join(createRequire(import.meta.url).resolve(manifest), '..', 'bin', name)
  } catch {
    return undefined
  }
}

async function answers(rpcUrl: string, chainId: number): Promise<void> {
  const deadline = AbortSignal.timeout(READY_MS)
  while (!deadline.aborted) {
    const found = await chainIdOf(rpcUrl).catch(() => undefined)
    if (found === chainId) return
    if (found !== undefined) throw new Error(`another node (chain ${found}) answers at ${rpcUrl}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`it did not answer within ${READY_MS / 1000} s`)
}

async function chainIdOf(rpcUrl: string): Promise<number> {
  const res = await fetch(rpcUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] }),
    signal: AbortSignal.timeout(3_000),
  })
  const { result } = (await res.json()) as { readonly result?: unknown }
  if (typeof result !== 'string') throw new Error('no eth_chainId in the answer')
  return Number(result)
}

async function gone(child: ChildProcess): Promise<never> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  throw new Error(`it ended at once (${signal ?? `code ${code}`})`)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exited
  clearTimeout(timer)
}
