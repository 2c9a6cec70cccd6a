import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { DEFAULT_SEED, requireHarmless } from './seeded/deterministic.ts'
import type { WantedStorage } from './stack/storage.ts'

/** Who holds the other part of every key: Sigpair, or two of three members behind a gateway. */
export type P2 = 'pair' | 'committee'

/** Which port each part listens on. */
export type Ports = {
  readonly functions: number
  readonly duoNode: number
  readonly sigpair: number
  readonly sigpairInternal: number
  readonly issuer: number
  readonly kms: number
  readonly chain: number
  readonly firestore: number
}

export type StartOptions = {
  readonly once: boolean
  readonly help: boolean
  /** where functions and Sigpair listen; everything else stays on loopback */
  readonly host: string
  readonly ports: Ports
  /** where databases, keys and logs go */
  readonly directory: string
  readonly storage: WantedStorage
  readonly p2: P2
  /** so many of each service behind balancers; undefined: one, without any */
  readonly instances: number | undefined
  /** where `npm run bundle` wrote the services; from source without it */
  readonly bundles: string | undefined
  /** everything in one process, and what it draws follows from this; undefined: as it ships */
  readonly seed: string | undefined
}

/** Of each service, with --scale. */
const INSTANCES = 2

export const DEFAULT_PORTS: Ports = {
  functions: 3000,
  duoNode: 3001,
  sigpair: 8080,
  sigpairInternal: 8081,
  issuer: 3002,
  kms: 9010,
  chain: 8545,
  firestore: 8088,
}

/** Flag and environment variable that move each port. */
export const PORT_FLAGS: Readonly<Record<keyof Ports, { readonly flag: string; readonly variable: string }>> = {
  functions: { flag: 'functions-port', variable: 'FUNCTIONS_PORT' },
  duoNode: { flag: 'duo-node-port', variable: 'DUO_NODE_PORT' },
  sigpair: { flag: 'sigpair-port', variable: 'SIGPAIR_PORT' },
  sigpairInternal: { flag: 'sigpair-internal-port', variable: 'SIGPAIR_INTERNAL_PORT' },
  issuer: { flag: 'issuer-port', variable: 'ISSUER_PORT' },
  kms: { flag: 'kms-port', variable: 'KMS_PORT' },
  chain: { flag: 'chain-port', variable: 'CHAIN_PORT' },
  firestore: { flag: 'firestore-port', variable: 'FIRESTORE_PORT' },
}

export const HELP = `npm start -- [options]

Starts a whole Tandem on this machine: local KMS, OIDC issuer, EVM node, Sigpair, duo-node and functions. Then a device
creates a wallet, pays twice and signs a text, with real protocol runs and mined transactions. Stays up until Ctrl-C.

  --once                  tell the story and exit: 0 if all went well, 1 with the reason otherwise
  --host ADDRESS          serve functions and Sigpair on this address, for a phone on the same network
  --directory PATH        databases, keys and logs; default .tandem, with --once a temporary folder
  --bundles PATH          run the services that "npm run bundle" wrote to PATH, not the source
  --store ENGINE          sqlite (default) or firestore; or STORE. Firestore is the emulator of the Google Cloud CLI, which
                          is started, and forgets everything when it ends
  --p2 KIND               pair (default) or committee; or P2. A committee is three members, any two of which sign with the
                          device, and a gateway in Sigpair's place
  --scale                 two of each service behind balancers without affinity; after the story each is restarted while four
                          devices pay. With --store firestore as on Google Cloud
  --deterministic         everything in one process, with the same keys, addresses and signatures on every run: for tests
                          and debuggers. Refused wherever it could touch anything real
  --seed TEXT             with --deterministic: other ones, default "${DEFAULT_SEED}"
${Object.entries(PORT_FLAGS)
  .map(
    ([name, { flag, variable }]) =>
      `  --${flag.padEnd(21)} port of ${name}, default ${DEFAULT_PORTS[name as keyof Ports]}; or ${variable}`,
  )
  .join('\n')}
  --help                  this text

CHAIN_URL=URL uses an EVM development node that runs already instead of starting one; FIRESTORE_EMULATOR_HOST=HOST:PORT an
emulator of Firestore, with FIRESTORE_PROJECT, which begins with demo-. OTEL_EXPORTER_OTLP_ENDPOINT=URL sends traces and
metrics of the services to a collector.
`

/** @throws {Error} that names the flag, for anything that is not of the documented form */
export function parseOptions(args: readonly string[], env: NodeJS.ProcessEnv): StartOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      once: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      host: { type: 'string', default: '127.0.0.1' },
      directory: { type: 'string', default: '' },
      store: { type: 'string' },
      p2: { type: 'string' },
      scale: { type: 'boolean', default: false },
      bundles: { type: 'string' },
      deterministic: { type: 'boolean', default: false },
      seed: { type: 'string' },
      ...Object.fromEntries(Object.values(PORT_FLAGS).map(({ flag }) => [flag, { type: 'string' as const }])),
    },
  })
  const given = values as Record<string, string | boolean | undefined>
  const port = (name: keyof Ports): number => {
    const { flag, variable } = PORT_FLAGS[name]
    const text = given[flag] ?? env[variable] ?? String(DEFAULT_PORTS[name])
    const number = Number(text)
    if (!Number.isInteger(number) || number < 1 || number > 65_535) throw new Error(`--${flag}: ${text} is not a port`)
    return number
  }
  const names = Object.keys(DEFAULT_PORTS) as (keyof Ports)[]
  const ports = Object.fromEntries(names.map((name) => [name, port(name)])) as Ports
  const { once, help, host, directory, bundles: built } = values
  const bundles = built === undefined ? undefined : resolve(built)
  if (values.seed !== undefined && !values.deterministic) throw new Error('--seed: only with --deterministic')
  const seed = values.deterministic ? (values.seed ?? DEFAULT_SEED) : undefined
  if (seed !== undefined) requireHarmless({ directory, bundles }, env)
  const storage = storageOf(values.store || env['STORE'] || 'sqlite', env)
  const p2 = p2Of(values.p2 || env['P2'] || 'pair')
  if (p2 === 'committee' && seed !== undefined)
    throw new Error('--p2 committee: its members are processes; not with --deterministic')
  if (p2 === 'committee' && storage.engine !== 'sqlite')
    throw new Error('--p2 committee: each member has files of its own; not with --store firestore')
  if (values.scale && (p2 === 'committee' || seed !== undefined))
    throw new Error('--scale: two of each service of a pair; not with --p2 committee or --deterministic')
  return {
    once,
    help,
    instances: values.scale ? INSTANCES : undefined,
    host,
    directory,
    ports,
    bundles,
    seed,
    storage,
    p2,
  }
}

function p2Of(kind: string): P2 {
  if (kind !== 'pair' && kind !== 'committee') throw new Error(`--p2: ${kind} is neither pair nor committee`)
  return kind
}

function storageOf(engine: string, env: NodeJS.ProcessEnv): WantedStorage {
  if (engine === 'sqlite') return { engine }
  if (engine !== 'firestore') throw new Error(`--store: ${engine} is neither sqlite nor firestore`)
  const projectId = env['FIRESTORE_PROJECT'] || 'demo-tandem'
  if (!projectId.startsWith('demo-')) {
    throw new Error('FIRESTORE_PROJECT: this machine’s stack never touches a real project; on an emulator it is demo-…')
  }
  const emulatorHost = env['FIRESTORE_EMULATOR_HOST'] || undefined
  return { engine, projectId, ...(emulatorHost === undefined ? {} : { emulatorHost }) }
}
