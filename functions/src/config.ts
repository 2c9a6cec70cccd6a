import { X509Certificate } from 'node:crypto'
import {
  appleIssuer,
  databaseVariable,
  type Env,
  envJson,
  envList,
  envUrl,
  identityVariables,
  type Issuer,
  type LogLevel,
  modeVariables,
  neededBy,
  readConfig,
  type Refusal,
  refuseEmulator,
  refuseLocal,
  refusePlain,
  requireMode,
  type ServiceIdentity,
  serviceIdentity,
  storeConfig,
  storeVariables,
} from '@tandem/service'
import type { StoreConfig } from '@tandem/store'
import { z } from 'zod'
import type { AppAttestRules } from './app-attest/attestation.ts'
import type { JobsCaller } from './jobs/caller.ts'
import { type Buckets, bucketsOf, limitsVariable, looserThanSeed } from './limits.ts'

export type FunctionsConfig = {
  /** address to listen on; the port is the framework's to choose (`--port`, `PORT`) */
  readonly host: string
  readonly issuers: readonly Issuer[]
  /** the database `backend` */
  readonly store: StoreConfig
  readonly signingKeyFile: string
  /** seals what the database must not show, such as TOTP secrets */
  readonly secretsKeyFile: string
  /** on Cloud Run key files are secrets that the platform mounts */
  readonly keysAreMounted?: boolean
  /** duo-node, without a trailing slash; `ws:` and `wss:` for Socket.IO */
  readonly duoNodeUrl: string
  /** who we are to the platform in front of duo-node */
  readonly identity?: ServiceIdentity
  /** Sigpair as devices reach it, without path */
  readonly sigpairUrl: string
  /** JSON-RPC by chain id */
  readonly chains: ReadonlyMap<number, string>
  /** routers a swap may go through, by chain id; the first is used unless another is asked for */
  readonly swapRouters?: ReadonlyMap<number, readonly string[]>
  /** Orby's JSON-RPC: it builds operations instead of us */
  readonly orbyUrl?: string
  /** of passkeys: the domain they are for, and the origins that may use them */
  readonly relyingParty: { readonly id: string; readonly origins: readonly string[] }
  /** whose attestations of devices are taken, and whether new keys need one; without it nobody attests */
  readonly appAttest?: AppAttestRules & { readonly required: boolean }
  /** how often one user may do what */
  readonly buckets: Buckets
  readonly hosts: readonly string[]
  readonly origins: readonly string[]
  /** Standard Webhooks secrets of duo-node, two during a rotation; without one its webhooks are refused */
  readonly webhookSecrets?: readonly string[]
  /** who may run jobs; without it nobody, and the function `jobs` has none */
  readonly jobsCaller?: JobsCaller
  readonly logLevel: LogLevel
}

const issuer = z.strictObject({
  issuer: z.string().min(1),
  audience: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(16)]),
  jwksUrl: z.string().min(1),
  algorithms: z.array(z.string()).min(1),
  maxAgeSeconds: z.int().min(1).optional(),
  requireNonce: z.boolean().optional(),
})

/** A preset: whatever else there is to say of Apple is the same for everybody. */
const apple = z
  .strictObject({
    apple: z.strictObject({
      audience: z.array(z.string().min(1)).min(1).max(16),
      requireNonce: z.boolean().default(false),
    }),
  })
  .transform((row) => appleIssuer(row.apple))

const jobsCaller = z.union([
  z.strictObject({ ...issuer.shape, email: z.email() }),
  z.strictObject({ ...issuer.shape, subject: z.string().min(1) }),
])

const appAttest = z
  .strictObject({
    teamId: z.string().regex(/^[A-Z0-9]{10}$/, 'ten letters and digits'),
    bundleIds: z
      .array(z.string().regex(/^[A-Za-z0-9.-]{1,155}$/, 'a bundle id'))
      .min(1)
      .max(16),
    environment: z.enum(['production', 'development']).default('production'),
    root: z.string().refine(isCertificate, 'a certificate as PEM'),
    required: z.boolean().default(false),
  })
  .transform(({ teamId, bundleIds, ...rest }) => ({ ...rest, appIds: bundleIds.map((one) => `${teamId}.${one}`) }))

const base = z.object({
  HOST: z.string().default('127.0.0.1').meta({ description: 'address to listen on', example: '0.0.0.0' }),
  ISSUERS: envJson(z.array(z.union([issuer, apple])).min(1)).meta({
    description:
      'who may sign users in: a JSON list; for Sign in with Apple {"apple":{"audience":["com.example.wallet"]}}',
    example:
      '[{"issuer":"http://127.0.0.1:3002","audience":"tandem","jwksUrl":"http://127.0.0.1:3002/jwks","algorithms":["ES256"]}]',
  }),
  SIGNING_KEY_FILE: z.string().meta({
    description: 'Ed25519 key of service tokens and tickets; made, with mode 0600, if it is missing',
    example: '.tandem/functions.jwk',
  }),
  SECRETS_KEY_FILE: z.string().optional().meta({
    description: 'key that seals second factors: 64 hex digits; made, with mode 0600, if it is missing',
    example: '.tandem/functions-secrets.key',
  }),
  DUO_NODE_URL: envUrl('http', 'https', 'ws', 'wss').meta({
    description: 'duo-node; ws:// or wss:// for Socket.IO',
    example: 'ws://127.0.0.1:3001',
  }),
  WEBHOOK_SECRETS: envList
    .pipe(z.array(z.string().regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, 'whsec_ and 24 to 64 bytes as base64')))
    .default([])
    .meta({ description: 'secrets duo-node signs its webhooks with', example: 'whsec_…' }),
  SIGPAIR_URL: envUrl('ws', 'wss').meta({ description: 'Sigpair as devices reach it', example: 'ws://127.0.0.1:8080' }),
  CHAINS: envJson(z.record(z.string().regex(/^[1-9][0-9]{0,15}$/), z.url({ protocol: /^https?$/ }))).meta({
    description: 'JSON-RPC URL of each chain by its id, a JSON object',
    example: '{"31337":"http://127.0.0.1:8545"}',
  }),
  SWAP_ROUTERS: envJson(
    z.record(
      z.string().regex(/^[1-9][0-9]{0,15}$/),
      z
        .array(z.string().regex(/^0x[0-9a-fA-F]{40}$/))
        .min(1)
        .max(16),
    ),
  )
    .default({})
    .meta({
      description: 'Uniswap-V2-style routers that swaps of a batch may use, by chain id, a JSON object',
      example: '{"1":["0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D"]}',
    }),
  ORBY_URL: envUrl('http', 'https').optional().meta({
    description: 'JSON-RPC of an Orby instance, to build the operations of a batch; the key in it is a secret',
    example: 'https://orby.example/…',
  }),
  PASSKEY_DOMAIN: z.string().default('localhost').meta({
    description: 'domain that passkeys are for; pages of ORIGINS below it may use them',
    example: 'wallet.example.com',
  }),
  LIMITS: envJson(limitsVariable).default({}).meta({
    description:
      'other numbers for some of the rate limits, a JSON object; looser than the default in development only',
    example: '{"sign":5}',
  }),
  JOBS_CALLER: envJson(jobsCaller).optional().meta({
    description: 'who may run jobs: an issuer as in ISSUERS, and `email` or `subject` of the one account; JSON',
    example:
      '{"issuer":"https://accounts.google.com","audience":"https://jobs.example.com","jwksUrl":"https://www.googleapis.com/oauth2/v3/certs","algorithms":["RS256"],"email":"scheduler@project.iam.gserviceaccount.com"}',
  }),
  APP_ATTEST: envJson(appAttest).optional().meta({
    description: 'app that may attest devices on iOS, Apple’s root as PEM, and whether new keys need it; a JSON object',
    example:
      '{"teamId":"0A1B2C3D4E","bundleIds":["com.example.wallet"],"root":"-----BEGIN CERTIFICATE-----…","required":true}',
  }),
  HOSTS: envList.default(['127.0.0.1', 'localhost', '[::1]']).meta({
    description: 'host names that requests may be for, without port',
    example: 'api.example.com',
  }),
  ORIGINS: envList.default([]).meta({
    description: 'origins of web pages that may call',
    example: 'https://wallet.example.com',
  }),
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
      z.string().meta({ description: 'the database file of the backend', example: '.tandem/backend.sqlite' }),
    ),
    FIRESTORE_DATABASE: databaseVariable('backend'),
  })

/** @throws {ConfigError} naming every variable that is missing, wrong, or refused in production */
export function readFunctionsConfig(env: Env = process.env): FunctionsConfig {
  const given = readConfig(variables(env), env)
  const buckets = bucketsOf(given.LIMITS)
  requireMode(given, [
    refuseEmulator(given),
    ...given.ISSUERS.flatMap((row) => refuseIssuer('ISSUERS', row)),
    ...(given.JOBS_CALLER === undefined ? [] : refuseIssuer('JOBS_CALLER', given.JOBS_CALLER)),
    refusePlain('DUO_NODE_URL', given.DUO_NODE_URL),
    refusePlain('ORBY_URL', given.ORBY_URL),
    refuseLocal('SIGPAIR_URL', given.SIGPAIR_URL),
    refuseLooser(buckets),
    refuseUnreviewed(given.APP_ATTEST),
  ])
  return {
    host: given.HOST,
    issuers: given.ISSUERS.map(issuerOf),
    ...(given.JOBS_CALLER === undefined ? {} : { jobsCaller: callerOf(given.JOBS_CALLER) }),
    store: storeConfig(given, { path: given.STORE_PATH, databaseId: given.FIRESTORE_DATABASE }),
    signingKeyFile: given.SIGNING_KEY_FILE,
    secretsKeyFile: given.SECRETS_KEY_FILE ?? `${given.SIGNING_KEY_FILE}.secrets`,
    keysAreMounted: given.K_SERVICE !== undefined,
    duoNodeUrl: withoutSlash(given.DUO_NODE_URL),
    identity: serviceIdentity(given),
    sigpairUrl: withoutSlash(given.SIGPAIR_URL),
    chains: new Map(Object.entries(given.CHAINS).map(([id, url]) => [Number(id), url])),
    swapRouters: new Map(Object.entries(given.SWAP_ROUTERS).map(([id, routers]) => [Number(id), routers])),
    ...(given.ORBY_URL === undefined ? {} : { orbyUrl: given.ORBY_URL }),
    relyingParty: {
      id: given.PASSKEY_DOMAIN,
      origins: [...new Set([`https://${given.PASSKEY_DOMAIN}`, ...given.ORIGINS])],
    },
    ...(given.APP_ATTEST === undefined ? {} : { appAttest: given.APP_ATTEST }),
    buckets,
    hosts: given.HOSTS,
    origins: given.ORIGINS,
    webhookSecrets: given.WEBHOOK_SECRETS,
    logLevel: given.LOG_LEVEL,
  }
}

/** Whoever can answer for it, or in its place, signs in as anybody. A name that is no URL is only compared. */
function refuseIssuer(variable: string, row: Pick<Issuer, 'issuer' | 'jwksUrl'>): readonly Refusal[] {
  const { issuer, jwksUrl } = row
  const urls = [issuer, jwksUrl].filter((url) => URL.canParse(url))
  return [...new Set(urls.map((url) => refuseLocal(variable, url)))]
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca
  } catch {
    return false
  }
}

function refuseUnreviewed(app: AppAttestRules | undefined): Refusal {
  if (app?.environment !== 'development') return undefined
  return 'APP_ATTEST: development is for apps from Xcode, on the phones of your team; use production'
}

function refuseLooser(buckets: Buckets): Refusal {
  const looser = looserThanSeed(buckets)
  return looser.length === 0 ? undefined : `LIMITS: looser than production may be: ${looser.join(', ')}`
}

/** An optional field that is not given is absent. */
function issuerOf({ maxAgeSeconds, requireNonce, ...given }: z.infer<typeof issuer> | Issuer): Issuer {
  const { issuer: name, audience, jwksUrl, algorithms } = given
  return {
    issuer: name,
    audience,
    jwksUrl,
    algorithms,
    ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
    ...(requireNonce === undefined ? {} : { requireNonce }),
  }
}

function callerOf(given: z.infer<typeof jobsCaller>): JobsCaller {
  return { ...issuerOf(given), ...('email' in given ? { email: given.email } : { subject: given.subject }) }
}

const withoutSlash = (url: string) => url.replace(/\/+$/, '')
