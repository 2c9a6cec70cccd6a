import {
  ConfigError,
  databaseVariable,
  type Env,
  envJson,
  envList,
  envPort,
  envUrl,
  identityVariables,
  type LogLevel,
  modeVariables,
  neededBy,
  type PublicJwk,
  publicJwk,
  readConfig,
  refuseEmulator,
  refusePlain,
  requireMode,
  type ServiceIdentity,
  serviceIdentity,
  storeConfig,
  storeVariables,
} from '@tandem/service'
import type { StoreConfig } from '@tandem/store'
import { z } from 'zod'

export type DuoNodeConfig = {
  readonly host: string
  /** 0 lets the system choose */
  readonly port: number
  /** host names that requests may be for, without port */
  readonly hosts: readonly string[]
  /** the database `backend`: spent tokens, and how far events were delivered */
  readonly store: StoreConfig
  readonly signingKeyFile: string
  /** on Cloud Run the key file is a secret that the platform mounts */
  readonly keysAreMounted?: boolean
  /** the backend's public keys; two during a rotation */
  readonly functionsKeys: readonly PublicJwk[]
  /** Sigpair's internal HTTP, without a trailing slash */
  readonly sigpairUrl: string
  /** who we are to the platform in front of Sigpair and of the backend */
  readonly identity?: ServiceIdentity
  /** where events go; without it none are pulled */
  readonly webhooks?: WebhookConfig
  readonly logLevel: LogLevel
}

/** Source: docs/spec/events.md, section 4. */
export type WebhookConfig = {
  /** the backend's endpoint */
  readonly url: string
  /** `whsec_` and base64, as Standard Webhooks writes it */
  readonly secret: string
  readonly pollMs: number
  /** so many, and the event is a dead letter */
  readonly attempts: number
  /** after the first failure; doubled after each, at most half an hour */
  readonly backoffMs: number
  /** how long one instance has a key for itself */
  readonly leaseMs: number
}

const count = z
  .string()
  .regex(/^[1-9][0-9]{0,6}$/, 'a positive number')
  .transform(Number)

const milliseconds = (min: number) => count.refine((ms) => ms >= min, `at least ${min} milliseconds`)

const base = z.object({
  HOST: z.string().default('127.0.0.1').meta({ description: 'address to listen on', example: '0.0.0.0' }),
  PORT: envPort.default(3001).meta({ description: 'port to listen on', example: '3001' }),
  HOSTS: envList.default(['127.0.0.1', 'localhost', '[::1]']).meta({
    description: 'host names that requests may be for, without port',
    example: 'duo-node.internal',
  }),
  SIGNING_KEY_FILE: z.string().meta({
    description: 'Ed25519 key of our service tokens; made, with mode 0600, if it is missing',
    example: '.tandem/duo-node.jwk',
  }),
  FUNCTIONS_KEYS: envJson(z.array(publicJwk).min(1)).meta({
    description: 'public keys of the backend, a JSON list of Ed25519 JWKs',
    example: '[{"kty":"OKP","crv":"Ed25519","x":"…","kid":"…"}]',
  }),
  SIGPAIR_INTERNAL_URL: envUrl('http', 'https').meta({
    description: "Sigpair's internal HTTP",
    example: 'http://127.0.0.1:8081',
  }),
  WEBHOOK_URL: envUrl('http', 'https').optional().meta({
    description: "where events go: the backend's endpoint; without it none are pulled",
    example: 'http://127.0.0.1:3000/webhooks/duo-node',
  }),
  WEBHOOK_SECRET: z
    .string()
    .regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, 'whsec_ and 24 to 64 bytes as base64')
    .optional()
    .meta({ description: 'signs events, as Standard Webhooks writes it', example: 'whsec_…' }),
  WEBHOOK_POLL_MS: milliseconds(50).default(1_000).meta({ example: '1000' }),
  WEBHOOK_ATTEMPTS: count.default(16).meta({ description: 'so many, then a dead letter', example: '16' }),
  WEBHOOK_BACKOFF_MS: milliseconds(1).default(1_000).meta({ example: '1000' }),
  WEBHOOK_LEASE_MS: milliseconds(6_000)
    .default(30_000)
    .meta({ description: 'longer than one attempt', example: '30000' }),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').meta({ example: 'info' }),
  ...modeVariables,
  ...identityVariables,
})

const variables = (env: Env) =>
  base.extend({
    ...storeVariables(env),
    STORE_PATH: neededBy(
      'sqlite',
      env,
      z.string().meta({ description: 'the database file', example: '.tandem/duo-node.sqlite' }),
    ),
    FIRESTORE_DATABASE: databaseVariable('backend'),
  })

/** @throws {ConfigError} naming every variable that is missing, wrong, or refused in production */
export function readDuoNodeConfig(env: Env = process.env): DuoNodeConfig {
  const given = readConfig(variables(env), env)
  requireMode(given, [
    refuseEmulator(given),
    refusePlain('SIGPAIR_INTERNAL_URL', given.SIGPAIR_INTERNAL_URL),
    refusePlain('WEBHOOK_URL', given.WEBHOOK_URL),
  ])
  const webhooks = webhooksOf(given)
  return {
    host: given.HOST,
    port: given.PORT,
    hosts: given.HOSTS,
    store: storeConfig(given, { path: given.STORE_PATH, databaseId: given.FIRESTORE_DATABASE }),
    signingKeyFile: given.SIGNING_KEY_FILE,
    keysAreMounted: given.K_SERVICE !== undefined,
    functionsKeys: given.FUNCTIONS_KEYS,
    sigpairUrl: given.SIGPAIR_INTERNAL_URL.replace(/\/+$/, ''),
    identity: serviceIdentity(given),
    logLevel: given.LOG_LEVEL,
    ...(webhooks === undefined ? {} : { webhooks }),
  }
}

function webhooksOf(given: z.infer<typeof base>): WebhookConfig | undefined {
  if (given.WEBHOOK_URL === undefined) return undefined
  if (given.WEBHOOK_SECRET === undefined) throw new ConfigError('WEBHOOK_URL is set and WEBHOOK_SECRET is not')
  return {
    url: given.WEBHOOK_URL,
    secret: given.WEBHOOK_SECRET,
    pollMs: given.WEBHOOK_POLL_MS,
    attempts: given.WEBHOOK_ATTEMPTS,
    backoffMs: given.WEBHOOK_BACKOFF_MS,
    leaseMs: given.WEBHOOK_LEASE_MS,
  }
}
