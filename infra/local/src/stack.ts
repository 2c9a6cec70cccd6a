import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Pin } from '@tandem/client'
import { loadOrCreateSigningKey } from '@tandem/service'
import { cloudPublicKeyResponse } from '@tandem/wire'
import { startAnvil } from './anvil.ts'
import { type RunningIssuer, startIssuer } from './issuer.ts'
import { LOCAL_KEY, startKms } from './kms.ts'
import { PORT_FLAGS, type Ports } from './options.ts'
import { portOf, requireFreePort } from './ports.ts'
import { startService } from './service-process.ts'
import type { Teller } from './tell.ts'

export type StackOptions = {
  readonly ports: Ports
  /** where functions and Sigpair listen; the rest stays on loopback */
  readonly host: string
  /** databases, keys and logs */
  readonly directory: string
  /** an EVM node that runs already */
  readonly chainUrl?: string
}

/** A whole Tandem on one machine. */
export type Stack = {
  readonly functionsUrl: string
  readonly sigpairUrl: string
  readonly rpcUrl: string
  readonly chainId: number
  readonly issuerUrl: string
  readonly logs: string
  /** an id token of a local user */
  readonly tokenOf: (user: string) => Promise<string>
  /** Sigpair's public keys, as an app would have them built in */
  readonly pin: () => Promise<Pin>
  /** process ids by service, for whoever wants to end one */
  readonly pids: ReadonlyMap<string, number>
  readonly stop: () => Promise<void>
}

const ROOT = resolve(import.meta.dirname, '../../..')
const AUDIENCE = 'tandem'

/**
 * Starts every part and waits until each answers. What was started is stopped again if a later part fails.
 *
 * @throws {Error} that names the part, and what to do
 */
export async function startStack(options: StackOptions, tell: Pick<Teller, 'step'>): Promise<Stack> {
  const started: (() => Promise<void>)[] = []
  const pids = new Map<string, number>()
  const stop = async () => {
    for (const end of started.splice(0).reverse()) await end()
  }
  try {
    await requireFreePorts(options)
    return await startParts(options, tell, { started, pids, stop })
  } catch (error) {
    await stop()
    throw error
  }
}

type Running = {
  readonly started: (() => Promise<void>)[]
  readonly pids: Map<string, number>
  readonly stop: () => Promise<void>
}

async function startParts(
  options: StackOptions,
  tell: Pick<Teller, 'step'>,
  { started, pids, stop }: Running,
): Promise<Stack> {
  const { ports, host, directory } = options
  const logs = join(directory, 'logs')
  await mkdir(logs, { recursive: true, mode: 0o700 })
  // A KMS and an issuer on this machine: no library needs to ask for Google's metadata.
  process.env['METADATA_SERVER_DETECTION'] = 'none'

  const kms = await tell.step(
    'local KMS',
    async () => startKms({ port: ports.kms, file: join(directory, 'kms.json') }),
    at(`127.0.0.1:${ports.kms}`),
  )
  started.push(kms.close)
  const issuer = await tell.step(
    'OIDC issuer',
    async () => startIssuer({ port: ports.issuer, file: join(directory, 'issuer.jwk'), audience: AUDIENCE }),
    at(`http://127.0.0.1:${ports.issuer}`),
  )
  started.push(issuer.close)
  const chain = await tell.step(
    'EVM node (anvil)',
    async () =>
      startAnvil({
        port: ports.chain,
        logFile: join(logs, 'anvil.log'),
        ...(options.chainUrl === undefined ? {} : { rpcUrl: options.chainUrl }),
      }),
    ({ rpcUrl }) => rpcUrl,
  )
  started.push(chain.stop)

  for (const service of await servicesOf(options, issuer, chain)) {
    const logFile = join(logs, `${service.name}.log`)
    const running = await tell.step(service.name, async () => startService({ ...service, logFile }), at(service.url))
    pids.set(service.name, running.pid)
    started.push(running.stop)
  }
  const functionsUrl = `http://${host}:${ports.functions}`
  const tokenOf = async (user: string) => issuer.token(user)
  const pin = async () => pinOf(functionsUrl, await tokenOf('operator'))
  const sigpairUrl = `ws://${host}:${ports.sigpair}`
  return {
    functionsUrl,
    sigpairUrl,
    rpcUrl: chain.rpcUrl,
    chainId: chain.chainId,
    issuerUrl: issuer.issuer,
    logs,
    tokenOf,
    pin,
    pids,
    stop,
  }
}

/** Our three services, in the order in which each finds what it needs, with everything they read from the environment. */
async function servicesOf(
  { ports, host, directory }: StackOptions,
  issuer: RunningIssuer,
  chain: { chainId: number; rpcUrl: string },
) {
  const functionsKey = join(directory, 'functions.jwk')
  const duoNodeKey = join(directory, 'duo-node.jwk')
  const publicKeyOf = async (file: string) => JSON.stringify([(await loadOrCreateSigningKey(file)).publicJwk])
  const common = { METADATA_SERVER_DETECTION: 'none', HOSTS: ['127.0.0.1', 'localhost', '[::1]', host].join(',') }
  const framework = createRequire(join(ROOT, 'functions/package.json')).resolve('@google-cloud/functions-framework')
  const { issuer: url, audience, jwksUrl, algorithms } = issuer
  return [
    {
      name: 'sigpair',
      url: `ws://${host}:${ports.sigpair}`,
      healthUrl: `http://${host}:${ports.sigpair}/health/ready`,
      command: process.execPath,
      args: [join(ROOT, 'sigpair/src/main.ts')],
      env: {
        ...common,
        HOST: host,
        PORT: String(ports.sigpair),
        INTERNAL_PORT: String(ports.sigpairInternal),
        DATA_DIRECTORY: join(directory, 'sigpair'),
        KMS_KEY: LOCAL_KEY,
        KMS_ENDPOINT: `http://127.0.0.1:${ports.kms}`,
        FUNCTIONS_KEYS: await publicKeyOf(functionsKey),
        DUO_NODE_KEYS: await publicKeyOf(duoNodeKey),
      },
    },
    {
      name: 'duo-node',
      url: `http://127.0.0.1:${ports.duoNode}`,
      healthUrl: `http://127.0.0.1:${ports.duoNode}/health/ready`,
      command: process.execPath,
      args: [join(ROOT, 'duo-node/src/main.ts')],
      env: {
        ...common,
        PORT: String(ports.duoNode),
        STORE_PATH: join(directory, 'duo-node.sqlite'),
        SIGNING_KEY_FILE: duoNodeKey,
        FUNCTIONS_KEYS: await publicKeyOf(functionsKey),
        SIGPAIR_INTERNAL_URL: `http://127.0.0.1:${ports.sigpairInternal}`,
      },
    },
    {
      name: 'functions',
      url: `http://${host}:${ports.functions}`,
      healthUrl: `http://${host}:${ports.functions}/health/ready`,
      command: process.execPath,
      args: [
        join(framework, '../main.js'),
        '--source',
        join(ROOT, 'functions'),
        '--target',
        'api',
        '--port',
        String(ports.functions),
      ],
      env: {
        ...common,
        HOST: host,
        NODE_OPTIONS: `--import=${pathToFileURL(join(ROOT, 'functions/src/preload.ts'))}`,
        NODE_ENV: 'production',
        ISSUERS: JSON.stringify([{ issuer: url, audience, jwksUrl, algorithms }]),
        STORE_PATH: join(directory, 'backend.sqlite'),
        SIGNING_KEY_FILE: functionsKey,
        DUO_NODE_URL: `http://127.0.0.1:${ports.duoNode}`,
        SIGPAIR_URL: `ws://${host}:${ports.sigpair}`,
        CHAINS: JSON.stringify({ [chain.chainId]: chain.rpcUrl }),
      },
    },
  ]
}

const LABELS: Readonly<Record<keyof Ports, string>> = {
  functions: 'functions',
  duoNode: 'duo-node',
  sigpair: 'Sigpair',
  sigpairInternal: 'Sigpair’s internal HTTP',
  issuer: 'the OIDC issuer',
  kms: 'the local KMS',
  chain: 'the EVM node',
}

/** All of them before anything starts, so that nothing has to be taken down again. */
async function requireFreePorts({ ports, host, chainUrl }: StackOptions): Promise<void> {
  for (const name of Object.keys(ports) as (keyof Ports)[]) {
    if (name === 'chain' && chainUrl !== undefined) continue
    const { flag, variable } = PORT_FLAGS[name]
    const open = name === 'functions' || name === 'sigpair' ? host : '127.0.0.1'
    await requireFreePort({ ...portOf(LABELS[name], ports[name], flag, variable), host: open })
  }
}

async function pinOf(functionsUrl: string, token: string): Promise<Pin> {
  const answer = await fetch(`${functionsUrl}/api/v1/mpc/cloud-public-key`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(10_000),
  })
  if (!answer.ok)
    throw new Error(`functions does not know Sigpair's public keys: ${answer.status} ${await answer.text()}`)
  const { publicKey, identity } = cloudPublicKeyResponse.parse(await answer.json())
  return { publicKey, identity }
}

function at(text: string): () => string {
  return () => text
}
