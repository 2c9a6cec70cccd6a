import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  ConfigError,
  databaseVariable,
  type Env,
  envJson,
  neededBy,
  type PublicJwk,
  publicJwk,
  readConfig,
  type Refusal,
  refuseEmulator,
  requireMode,
  type StoreChoice,
  storeConfig,
  storeVariables,
} from '@tandem/service'
import type { StoreConfig } from '@tandem/store'
import { limits } from '@tandem/wire'
import { z } from 'zod'
import {
  boundsOf,
  count,
  type DeviceBounds,
  DRAIN_MS,
  type Listeners,
  listenersOf,
  listenVariables,
} from './listeners.ts'
import type { KmsOptions } from './seal/kms.ts'
import { kmsOptions, kmsVariables, refuseLocalKms } from './seal/kms-config.ts'

export type Config = Listeners & {
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
  readonly bounds: DeviceBounds & {
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

export const DEADLINES: Config['deadlines'] = {
  handshakeMs: limits.HANDSHAKE_MS,
  dialogueMs: limits.DIALOGUE_MS,
  roundMs: limits.ROUND_MS,
  drainMs: DRAIN_MS,
}

const DAY_MS = 24 * 3_600_000

/** Public keys of a service of ours. */
export const publicKeys = envJson(z.array(publicJwk).min(1))

export const JWK_EXAMPLE = '[{"kty":"OKP","crv":"Ed25519","x":"…","kid":"…"}]'

const base = z.object({
  ...listenVariables,
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
  FUNCTIONS_KEYS: publicKeys.meta({ description: 'public keys of functions, a JSON list', example: JWK_EXAMPLE }),
  DUO_NODE_KEYS: publicKeys.meta({ description: 'public keys of duo-node, a JSON list', example: JWK_EXAMPLE }),
  THREADS: count.optional().meta({ description: 'threads that compute; default: one per core but one', example: '3' }),
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

/** What a Sigpair reads, a member of a committee among them. */
export const sigpairVariables = (env: Env) => base.extend(storageOf(env))

type Given = z.infer<ReturnType<typeof sigpairVariables>>

/** What this process is: half of every user's pair, a node of a committee, or one of those who stand in Sigpair's place. */
const MODES = ['pair', 'committee', 'member', 'gateway'] as const
export type SigpairMode = (typeof MODES)[number]

const modes = z.object({
  SIGPAIR_MODE: z.enum(MODES).default('pair').meta({
    description: 'pair; a node of a committee; a member of one beside a device, or its gateway; or --mode',
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
    throw new ConfigError(`usage: sigpair [--mode ${MODES.join('|')}]; everything else is in the environment`, {
      cause,
    })
  }
}

/** @throws {ConfigError} naming every variable that is missing, wrong, or refused in production */
export function readSigpairConfig(env: Env = process.env): Config {
  const given = readConfig(sigpairVariables(env), env)
  requireMode(given, sigpairRefusals(given))
  return sigpairConfig(given)
}

export function sigpairRefusals(given: Given): readonly Refusal[] {
  return [refuseEmulator(given), refuseLocalKms(given), refuseHaste(given.POLICY_DELAY_MS)]
}

export function sigpairConfig(given: Given): Config {
  return {
    ...listenersOf(given),
    stores: storesOf(given),
    kms: kmsOptions(given.KMS_KEY, given.KMS_ENDPOINT),
    auditKey: given.KMS_AUDIT_KEY,
    policyDelayMs: given.POLICY_DELAY_MS,
    functionsKeys: given.FUNCTIONS_KEYS,
    duoNodeKeys: given.DUO_NODE_KEYS,
    bounds: { ...boundsOf(given), threads: given.THREADS },
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

/** A thief who loosens the policy must not be done before the owner has seen it. */
function refuseHaste(delayMs: number): Refusal {
  return delayMs < DAY_MS ? `POLICY_DELAY_MS: less than a day (${DAY_MS})` : undefined
}
