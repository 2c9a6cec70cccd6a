import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  ConfigError,
  databaseVariable,
  type Env,
  envJson,
  envList,
  envPort,
  envUrl,
  isLoopback,
  type LogLevel,
  modeVariables,
  neededBy,
  type PublicJwk,
  publicJwk,
  readConfig,
  type Refusal,
  refuseEmulator,
  refuseLocal,
  requireMode,
  type StoreChoice,
  storeConfig,
  storeVariables,
} from '@tandem/service'
import type { StoreConfig } from '@tandem/store'
import { limits } from '@tandem/wire'
import { z } from 'zod'
import type { KmsOptions } from './seal/kms.ts'

export type Config = {
  /** who is served: devices over WebSocket, duo-node over internal HTTP, or both */
  readonly role: 'device' | 'internal' | 'both'
  readonly host: string
  /** of devices; 0: any free one */
  readonly port: number
  /** where internal HTTP listens: never where devices are, unless somebody says so */
  readonly internalHost: string
  /** of internal HTTP; 0: any free one */
  readonly internalPort: number
  /** two databases, because only one may ever be restored. Source: docs/spec/storage.md, section 1. */
  readonly stores: { readonly parties: StoreConfig; readonly presignatures: StoreConfig }
  readonly kms: KmsOptions
  /** signs checkpoints of the audit log: the full name of a version; undefined: there are none */
  readonly auditKey: string | undefined
  /** how long a looser policy waits, ms */
  readonly policyDelayMs: number
  /** whose service tokens and tickets are believed; two keys during a rotation */
  readonly functionsKeys: readonly PublicJwk[]
  readonly duoNodeKeys: readonly PublicJwk[]
  readonly hosts: readonly string[]
  readonly origins: readonly string[]
  /** proxies of ours in front */
  readonly proxies: number
  readonly logLevel: LogLevel
  readonly bounds: {
    /** dialogues at once */
    readonly sockets: number
    readonly perAddress: number
    readonly pingMs: number
    /** undefined: one per core but one */
    readonly threads: number | undefined
  }
  readonly deadlines: {
    readonly handshakeMs: number
    readonly dialogueMs: number
    readonly roundMs: number
    /** how long running dialogues may finish after SIGTERM */
    readonly drainMs: number
  }
}

/** Cloud Run kills a container 10 s after SIGTERM. */
const DRAIN_MS = 8_000

/** Below the idle timeouts of the load balancers we know. */
const PING_MS = 30_000

export const DEADLINES: Config['deadlines'] = {
  handshakeMs: limits.HANDSHAKE_MS,
  dialogueMs: limits.DIALOGUE_MS,
  roundMs: limits.ROUND_MS,
  drainMs: DRAIN_MS,
}

const count = z
  .string()
  .regex(/^[1-9][0-9]{0,4}$/, 'a count above zero')
  .transform(Number)

const DAY_MS = 24 * 3_600_000

const keys = envJson(z.array(publicJwk).min(1))

const JWK_EXAMPLE = '[{"kty":"OKP","crv":"Ed25519","x":"…","kid":"…"}]'

/** Which key wraps the data keys, and where. */
export const kmsVariables = {
  KMS_KEY: z
    .string()
    .regex(/^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+$/, 'the full name of a crypto key')
    .meta({ example: 'projects/local/locations/local/keyRings/tandem/cryptoKeys/shares' }),
  KMS_ENDPOINT: envUrl('http', 'https').optional().meta({
    description: "Google's own when unset; http only for a KMS on loopback",
    example: 'http://127.0.0.1:9010',
  }),
  ALLOW_FILE_KMS: z.literal('yes-i-understand').optional().meta({
    description: 'off Google Cloud: take a KMS on loopback, whose keys are a sealed file; docs/deploy/self-hosting.md',
    example: 'yes-i-understand',
  }),
}

const base = z.object({
  SIGPAIR_ROLE: z.enum(['device', 'internal', 'both']).default('both').meta({ example: 'device' }),
  HOST: z.string().default('127.0.0.1').meta({ description: 'address to listen on for devices', example: '0.0.0.0' }),
  PORT: envPort.default(8080).meta({ description: 'WebSocket for devices', example: '8080' }),
  INTERNAL_HOST: z.string().default('127.0.0.1').meta({ description: 'address of internal HTTP', example: '10.0.0.5' }),
  INTERNAL_PORT: envPort.default(8081).meta({ description: 'internal HTTP for duo-node', example: '8081' }),
  ...kmsVariables,
  KMS_AUDIT_KEY: z
    .string()
    .regex(
      /^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+\/cryptoKeyVersions\/[0-9]+$/,
      'a key version',
    )
    .optional()
    .meta({
      description: 'EC_SIGN_P256_SHA256 key version that signs checkpoints of the audit log; none without it',
      example: 'projects/local/locations/global/keyRings/tandem/cryptoKeys/audit/cryptoKeyVersions/1',
    }),
  POLICY_DELAY_MS: z
    .string()
    .regex(/^[0-9]{1,10}$/, 'milliseconds')
    .transform(Number)
    .default(DAY_MS)
    .meta({ description: 'how long a looser policy waits', example: '86400000' }),
  FUNCTIONS_KEYS: keys.meta({ description: 'public keys of functions, a JSON list', example: JWK_EXAMPLE }),
  DUO_NODE_KEYS: keys.meta({ description: 'public keys of duo-node, a JSON list', example: JWK_EXAMPLE }),
  HOSTS: envList.default(['127.0.0.1', 'localhost', '[::1]']).meta({
    description: 'host names that requests may be for, without port',
    example: 'sigpair.example.com',
  }),
  ORIGINS: envList.default([]).meta({
    description: 'origins of web pages that may connect',
    example: 'https://wallet.example.com',
  }),
  TRUSTED_PROXIES: z
    .string()
    .regex(/^[0-9]$/, 'a digit')
    .transform(Number)
    .default(0)
    .meta({ description: 'proxies in front that append to X-Forwarded-For', example: '1' }),
  MAX_DIALOGUES: count.default(256).meta({ description: 'dialogues at once', example: '256' }),
  MAX_DIALOGUES_PER_ADDRESS: count.default(32).meta({ description: 'of them from one address', example: '32' }),
  THREADS: count.optional().meta({ description: 'threads that compute; default: one per core but one', example: '3' }),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').meta({ example: 'info' }),
  ...modeVariables,
})

const storageOf = (env: Env) => ({
  ...storeVariables(env),
  DATA_DIRECTORY: neededBy(
    'sqlite',
    env,
    z.string().meta({ description: 'where the two databases are', example: '.tandem/sigpair' }),
  ),
  FIRESTORE_PARTIES_DATABASE: databaseVariable('parties'),
  FIRESTORE_PRESIGNATURES_DATABASE: databaseVariable('presignatures'),
})

/** What this process is: half of every user's pair, or a node of a committee. */
export type SigpairMode = 'pair' | 'committee'

const modes = z.object({
  SIGPAIR_MODE: z.enum(['pair', 'committee']).default('pair').meta({
    description: 'pair, or a node of a committee; or --mode',
    example: 'committee',
  }),
})

/** @throws {ConfigError} for a flag that is none, or a mode that is none */
export function readSigpairMode(args: readonly string[] = process.argv.slice(2), env: Env = process.env): SigpairMode {
  return readConfig(modes, { ...env, ...modeFlag(args) }).SIGPAIR_MODE
}

function modeFlag(args: readonly string[]): Env {
  try {
    const { mode } = parseArgs({ args: [...args], options: { mode: { type: 'string' } } }).values
    return mode === undefined ? {} : { SIGPAIR_MODE: mode }
  } catch (cause) {
    throw new ConfigError(`--mode pair or --mode committee is all there is to say`, { cause })
  }
}

/** @throws {ConfigError} naming every variable that is missing, wrong, or refused in production */
export function readSigpairConfig(env: Env = process.env): Config {
  const given = readConfig(base.extend(storageOf(env)), env)
  requireMode(given, [refuseEmulator(given), refuseLocalKms(given), refuseHaste(given.POLICY_DELAY_MS)])
  return {
    role: given.SIGPAIR_ROLE,
    host: given.HOST,
    port: given.PORT,
    internalHost: given.INTERNAL_HOST,
    internalPort: given.INTERNAL_PORT,
    stores: storesOf(given),
    kms: kmsOptions(given.KMS_KEY, given.KMS_ENDPOINT),
    auditKey: given.KMS_AUDIT_KEY,
    policyDelayMs: given.POLICY_DELAY_MS,
    functionsKeys: given.FUNCTIONS_KEYS,
    duoNodeKeys: given.DUO_NODE_KEYS,
    hosts: given.HOSTS,
    origins: given.ORIGINS,
    proxies: given.TRUSTED_PROXIES,
    logLevel: given.LOG_LEVEL,
    bounds: {
      sockets: given.MAX_DIALOGUES,
      perAddress: given.MAX_DIALOGUES_PER_ADDRESS,
      pingMs: PING_MS,
      threads: given.THREADS,
    },
    deadlines: DEADLINES,
  }
}

type Databases = StoreChoice & {
  readonly DATA_DIRECTORY?: string | undefined
  readonly FIRESTORE_PARTIES_DATABASE: string
  readonly FIRESTORE_PRESIGNATURES_DATABASE: string
}

function storesOf(given: Databases): Config['stores'] {
  const { DATA_DIRECTORY: folder, FIRESTORE_PARTIES_DATABASE: one, FIRESTORE_PRESIGNATURES_DATABASE: other } = given
  if (one === other) throw new ConfigError('FIRESTORE_PARTIES_DATABASE and FIRESTORE_PRESIGNATURES_DATABASE are one')
  const place = (name: string, databaseId: string) =>
    storeConfig(given, { path: folder === undefined ? undefined : join(folder, `${name}.sqlite`), databaseId })
  return { parties: place('parties', one), presignatures: place('presignatures', other) }
}

type KmsChoice = {
  readonly KMS_ENDPOINT?: string | undefined
  readonly ALLOW_FILE_KMS?: 'yes-i-understand' | undefined
  readonly K_SERVICE?: string | undefined
}

/** Keys in a file are stolen with the machine; whoever has no other KMS must say that this is understood. */
export function refuseLocalKms({ KMS_ENDPOINT, ALLOW_FILE_KMS, K_SERVICE }: KmsChoice): Refusal {
  if (ALLOW_FILE_KMS === undefined) return refuseLocal('KMS_ENDPOINT', KMS_ENDPOINT)
  return K_SERVICE === undefined ? undefined : 'ALLOW_FILE_KMS: not on Cloud Run, where Cloud KMS is; unset it'
}

/** A thief who loosens the policy must not be done before the owner has seen it. */
function refuseHaste(delayMs: number): Refusal {
  return delayMs < DAY_MS ? `POLICY_DELAY_MS: less than a day (${DAY_MS})` : undefined
}

/**
 * Plain TCP carries data keys in the clear: only to this very machine.
 *
 * @throws {ConfigError} for plain TCP to another
 */
export function kmsOptions(keyName: string, endpoint: string | undefined): KmsOptions {
  if (endpoint === undefined) return { keyName }
  const { protocol, hostname, port } = new URL(endpoint)
  const insecure = protocol === 'http:'
  if (insecure && !isLoopback(endpoint)) {
    throw new ConfigError('KMS_ENDPOINT: http is for loopback only')
  }
  return { keyName, endpoint: hostname, port: Number(port || (insecure ? 80 : 443)), insecure }
}
