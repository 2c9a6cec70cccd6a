import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createTandemClient,
  defaultPlatform,
  memoryVault,
  type Pin,
  type Platform,
  type TandemClient,
  type TandemOptions,
} from '@tandem/client'
import { LOCAL_KEY } from '@tandem/local'
import { createKms, createSealer, type Stores } from '@tandem/sigpair'
import { openStore } from '@tandem/store'
import { startAnvil } from '../../infra/local/src/processes/anvil.ts'
import { type Chain, chainAt } from '../../infra/local/src/chain.ts'
import { DEFAULT_PORTS, type Ports } from '../../infra/local/src/options.ts'
import { freePort } from '../../infra/local/src/processes/ports.ts'
import { type Stack, type StackOptions, startStack } from '../../infra/local/src/stack/stack.ts'
import type { WantedStorage } from '../../infra/local/src/stack/storage.ts'
import { type FlakyNode, flakyNode } from '../functions/flaky-node.ts'
import { fast } from './backends.ts'

export { freePort }

/** A whole Tandem, each service a process of its own, in a folder that dies with it. */
export type TestStack<Line extends LineToNode = FlakyNode> = Stack & {
  readonly directory: string
  readonly pinned: Pin
  /** the node itself */
  readonly chain: Chain
  /** the line between functions and the node */
  readonly line: Line
  /** Sigpair's databases, as one more instance sees them */
  readonly stores: Stores
  /** a device of this user, with a vault in memory and an empty stock, unless `options` say otherwise */
  readonly device: (user: string, options?: Partial<TandemOptions>) => TandemClient
}

/** What stands between functions and the EVM node. */
type LineToNode = { readonly url: string; readonly close: () => Promise<void> }

/** Several of each service, and who watches what passes between them; who is in Sigpair's place. */
type HowMany = Pick<StackOptions, 'instances' | 'watch' | 'env' | 'p2' | 'membersHere'>

export async function startTestStack(storage?: WantedStorage, how?: HowMany): Promise<TestStack> {
  return startStackOver(flakyNode, storage, how)
}

/** @param lineTo opens the line to a node, given its URL */
export async function startStackOver<Line extends LineToNode>(
  lineTo: (nodeUrl: string) => Promise<Line>,
  storage: WantedStorage = { engine: 'sqlite' },
  how: HowMany = {},
): Promise<TestStack<Line>> {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-stack-'))
  const ends = [async () => rmSync(directory, { recursive: true })]
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    return { ...(await startParts({ directory, storage, how }, lineTo, ends)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startParts<Line extends LineToNode>(
  { directory, storage, how }: { readonly directory: string; readonly storage: WantedStorage; readonly how: HowMany },
  lineTo: (nodeUrl: string) => Promise<Line>,
  ends: (() => Promise<void>)[],
): Promise<TestStack<Line>> {
  const ports = await freePorts()
  const node = await startAnvil({ port: ports.chain })
  ends.push(node.stop)
  const line = await lineTo(node.rpcUrl)
  ends.push(line.close)
  const stack = await startStack({ ...how, ports, host: '127.0.0.1', directory, storage, chainUrl: line.url }, QUIET)
  ends.push(stack.stop)
  const { stores, close } = await openStores(stack, ports.kms)
  ends.push(close)
  const pinned = await stack.pin()
  const device = (user: string, options: Partial<TandemOptions> = {}) =>
    createTandemClient({
      baseUrl: stack.functionsUrl,
      token: async () => stack.tokenOf(user),
      vault: memoryVault(),
      pin: pinned,
      backend: fast,
      stock: 0,
      ...options,
    })
  return { ...stack, directory, pinned, line, stores, chain: chainAt(node.rpcUrl), device }
}

/** One way from a device to the databases: a functions, its duo-node, its Sigpair. */
export type Rail = { readonly functionsUrl: string; readonly sigpairUrl: string }

/** A second process of each service, on the same databases, keys and KMS; each knows only its own kind's second. */
export async function startSecondRail(stack: TestStack): Promise<Rail> {
  const ports: number[] = []
  for (let i = 0; i < 4; i++) ports.push(await freePort(ports))
  const [functions, duoNode, sigpair, internal] = ports
  const [functionsUrl, sigpairUrl] = [`http://127.0.0.1:${functions}`, `ws://127.0.0.1:${sigpair}`]
  await Promise.all([
    stack.another('sigpair', { PORT: String(sigpair), INTERNAL_PORT: String(internal) }),
    stack.another('duo-node', { PORT: String(duoNode), SIGPAIR_INTERNAL_URL: `http://127.0.0.1:${internal}` }),
    stack.another('functions', {
      PORT: String(functions),
      DUO_NODE_URL: `http://127.0.0.1:${duoNode}`,
      SIGPAIR_URL: sigpairUrl,
    }),
  ])
  return { functionsUrl, sigpairUrl }
}

/** Nobody listens. */
const QUIET = { step: async <T>(_what: string, act: (progress: () => void) => Promise<T>) => act(() => undefined) }

async function openStores({ databases }: Stack, kmsPort: number) {
  const kms = createKms({ keyName: LOCAL_KEY, endpoint: '127.0.0.1', port: kmsPort, insecure: true })
  const parties = await openStore(databases.parties)
  const presignatures = await openStore(databases.presignatures)
  const stores: Stores = { parties, presignatures, sealer: createSealer(kms), now: Date.now }
  return {
    stores,
    close: async () => {
      await Promise.all([parties.close(), presignatures.close(), kms.close()])
    },
  }
}

/** One for every part of a stack. */
async function freePorts(): Promise<Ports> {
  const ports: Record<string, number> = {}
  for (const name of Object.keys(DEFAULT_PORTS)) ports[name] = await freePort(Object.values(ports))
  return ports as Ports
}

/** A device's HTTP, with somebody in the middle: `pass` sends a request on. */
export function platformWith(
  between: (
    url: string,
    request: Parameters<Platform['fetch']>[1],
    pass: Platform['fetch'],
  ) => ReturnType<Platform['fetch']>,
): Platform {
  const platform = defaultPlatform()
  return { ...platform, fetch: async (url, request) => between(url, request, platform.fetch) }
}

/** What another user's caller gets of the backend: status and body, without the request's own id. */
export async function ask(
  stack: Pick<Stack, 'functionsUrl' | 'tokenOf'>,
  user: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
  const answer = await fetch(`${stack.functionsUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${await stack.tokenOf(user)}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}
