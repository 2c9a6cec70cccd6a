import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { loadOrCreateSigningKey } from '@tandem/service'
import type { RunningIssuer } from '../issuer.ts'
import { LOCAL_AUDIT_KEY, LOCAL_KEY } from '../kms/kms.ts'
import type { Ports } from '../options.ts'
import { type Program, programOf, type ServiceName } from '../processes/programs.ts'
import { SQLITE_FILES, type Storage, storageEnv } from './storage.ts'

/** How to start a service. `env` has all it reads, HOST and PORT among it. */
export type ServicePlan = Program & {
  readonly name: ServiceName
}

export type PlanOptions = {
  readonly ports: Ports
  /** where functions and Sigpair listen */
  readonly host: string
  /** databases and keys */
  readonly directory: string
  readonly storage: Storage
  /** where `npm run bundle` wrote the services; from source without it */
  readonly bundles?: string | undefined
  readonly issuer: Pick<RunningIssuer, 'issuer' | 'audience' | 'jwksUrl' | 'algorithms'>
  readonly chain: { readonly chainId: number; readonly rpcUrl: string }
}

/** Our three services, in the order in which each finds what it needs. */
export async function planServices(options: PlanOptions): Promise<readonly ServicePlan[]> {
  const { host, directory } = options
  const publicKeyOf = async (file: string) => JSON.stringify([(await loadOrCreateSigningKey(file)).publicJwk])
  const keys: Keys = {
    functionsKey: join(directory, 'functions.jwk'),
    duoNodeKey: join(directory, 'duo-node.jwk'),
    functionsKeys: await publicKeyOf(join(directory, 'functions.jwk')),
    duoNodeKeys: await publicKeyOf(join(directory, 'duo-node.jwk')),
    webhookSecret: await secretIn(join(directory, 'webhook.secret')),
  }
  const common = {
    MODE: 'development',
    METADATA_SERVER_DETECTION: 'none',
    HOSTS: ['127.0.0.1', 'localhost', '[::1]', host].join(','),
    ...storageEnv(options.storage),
    ...telemetryEnv(process.env),
  }
  return [sigpair(options, keys), duoNode(options, keys), functions(options, keys)].map(({ name, env }) => {
    const program = programOf(name, options.bundles)
    return { name, args: program.args, env: { ...common, ...program.env, ...env } }
  })
}

/** Where whoever starts all of it wants spans and metrics to go. Source: docs/deploy/observability.md, section 5. */
function telemetryEnv(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const told = Object.entries(env).filter(([name, value]) => name.startsWith('OTEL_') && value)
  return Object.fromEntries(told) as Record<string, string>
}

/** What a service reads besides what its kind of process needs. */
type Settings = Pick<ServicePlan, 'name' | 'env'>

/** Files with private keys, the public ones as JSON lists, and what duo-node signs webhooks with. */
type Keys = Readonly<Record<'functionsKey' | 'duoNodeKey' | 'functionsKeys' | 'duoNodeKeys' | 'webhookSecret', string>>

/** As Standard Webhooks writes it; made, with mode 0600, if it is missing. */
async function secretIn(file: string): Promise<string> {
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  // whoever is first: the other reads what that one wrote
  await writeFile(file, secret, { flag: 'wx', mode: 0o600 }).catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== 'EEXIST') throw error
  })
  return readFile(file, 'utf8')
}

function sigpair({ ports, host, directory }: PlanOptions, { functionsKeys, duoNodeKeys }: Keys): Settings {
  return {
    name: 'sigpair',
    env: {
      HOST: host,
      PORT: String(ports.sigpair),
      INTERNAL_PORT: String(ports.sigpairInternal),
      DATA_DIRECTORY: dirname(join(directory, SQLITE_FILES.parties)),
      KMS_KEY: LOCAL_KEY,
      KMS_AUDIT_KEY: `${LOCAL_AUDIT_KEY}/cryptoKeyVersions/1`,
      KMS_ENDPOINT: `http://127.0.0.1:${ports.kms}`,
      POLICY_DELAY_MS: '0',
      FUNCTIONS_KEYS: functionsKeys,
      DUO_NODE_KEYS: duoNodeKeys,
    },
  }
}

function duoNode({ ports, host, directory }: PlanOptions, keys: Keys): Settings {
  const { functionsKeys, duoNodeKey, webhookSecret } = keys
  return {
    name: 'duo-node',
    env: {
      HOST: '127.0.0.1',
      PORT: String(ports.duoNode),
      STORE_PATH: join(directory, 'duo-node.sqlite'),
      SIGNING_KEY_FILE: duoNodeKey,
      FUNCTIONS_KEYS: functionsKeys,
      SIGPAIR_INTERNAL_URL: `http://127.0.0.1:${ports.sigpairInternal}`,
      WEBHOOK_URL: `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${ports.functions}/webhooks/duo-node`,
      WEBHOOK_SECRET: webhookSecret,
    },
  }
}

function functions(options: PlanOptions, { functionsKey, webhookSecret }: Keys): Settings {
  const { ports, host, directory, issuer, chain } = options
  const { issuer: url, audience, jwksUrl, algorithms } = issuer
  return {
    name: 'functions',
    env: {
      HOST: host,
      PORT: String(ports.functions),
      ISSUERS: JSON.stringify([{ issuer: url, audience, jwksUrl, algorithms }]),
      STORE_PATH: join(directory, SQLITE_FILES.backend),
      SIGNING_KEY_FILE: functionsKey,
      DUO_NODE_URL: `ws://127.0.0.1:${ports.duoNode}`,
      WEBHOOK_SECRETS: webhookSecret,
      SIGPAIR_URL: `ws://${host}:${ports.sigpair}`,
      CHAINS: JSON.stringify({ [chain.chainId]: chain.rpcUrl }),
      // A story or a benchmark does in a second what a person does in a day.
      LIMITS: '{"sign":null,"key":null,"backup":null,"2fa":null,"key-tickets":null,"tickets":null}',
    },
  }
}
