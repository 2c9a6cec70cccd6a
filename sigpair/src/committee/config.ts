import { readFileSync } from 'node:fs'
import {
  ConfigError,
  type Env,
  envJson,
  envList,
  envPort,
  type LogLevel,
  modeVariables,
  readConfig,
  requireMode,
} from '@tandem/service'
import { z } from 'zod'
import type { KmsOptions } from '../seal/kms.ts'
import { kmsOptions, kmsVariables, refuseLocalKms } from '../seal/kms-config.ts'
import type { Peer } from './network.ts'
import { type NodePolicy, nodePolicy } from './node-policy.ts'
import { label, peerVariables, refuseLoopbackPeers } from './peers-config.ts'
import type { PinnedCaller } from './request.ts'

export type CommitteeConfig = {
  /** a private Ed25519 JWK, mode 0600: who this node is */
  readonly identityFile: string
  /** every node of the committee; this one may be among them */
  readonly peers: readonly Peer[]
  readonly callers: readonly PinnedCaller[]
  /** multiaddrs */
  readonly listen: readonly string[]
  /** a LevelDB is made in it, which is in no backup */
  readonly dataDirectory: string
  readonly kms: KmsOptions
  readonly policy: NodePolicy
  /** how long the sealed records of a deleted key stay */
  readonly graceMs: number
  /** of the callers' API; 0: any free port */
  readonly api: { readonly host: string; readonly port: number; readonly hosts: readonly string[] }
  readonly logLevel: LogLevel
  /** how long running commands may finish after SIGTERM */
  readonly drainMs: number
}

const DAY_SECONDS = 86_400

/** Kubernetes kills after 30 s; a key generation under way needs some. */
const DRAIN_MS = 20_000

const callers = z
  .array(
    z.strictObject({
      publicKey: z.string().regex(/^0x[0-9a-f]{64}$/, 'an Ed25519 public key: 0x and 64 lower-case hex digits'),
      label,
      methods: z.array(z.enum(['keyGen', 'keySign', 'keyRefresh', 'keyReshare', 'keyDelete'])).optional(),
    }),
  )
  .min(1)
  .max(64)

const schema = z.object({
  ...peerVariables,
  CALLERS: envJson(callers).meta({
    description: 'who may ask this node, a JSON list; `methods` limits what for',
    example: '[{"publicKey":"0x…","label":"sequencer"}]',
  }),
  DATA_DIRECTORY: z.string().meta({ description: 'where the database is', example: '/var/lib/tandem' }),
  POLICY_FILE: z.string().optional().meta({
    description: 'JSON: what this node signs; without it, every transaction and message, and no bare digest',
    example: '/etc/tandem/policy.json',
  }),
  GRACE_SECONDS: z
    .string()
    .regex(/^[0-9]{1,9}$/, 'seconds')
    .transform(Number)
    .default(7 * DAY_SECONDS)
    .meta({ description: 'how long the sealed records of a deleted key stay', example: '604800' }),
  HOST: z.string().default('127.0.0.1').meta({ description: "address of the callers' API", example: '10.0.0.5' }),
  PORT: envPort.default(8090).meta({ description: "port of the callers' API", example: '8090' }),
  HOSTS: envList.default(['127.0.0.1', 'localhost', '[::1]']).meta({
    description: 'host names that requests may be for, without port',
    example: 'node-1.internal',
  }),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').meta({ example: 'info' }),
  ...kmsVariables,
  ...modeVariables,
})

/** @throws {ConfigError} naming every variable that is missing, wrong, or refused in production */
export function readCommitteeConfig(env: Env = process.env): CommitteeConfig {
  const given = readConfig(schema, env)
  if (given.K_SERVICE !== undefined) {
    throw new ConfigError('K_SERVICE: Cloud Run has neither a disk nor a TCP port for peers; a node needs a machine')
  }
  requireMode(given, [
    refuseLocalKms(given),
    given.GRACE_SECONDS < DAY_SECONDS ? `GRACE_SECONDS: less than a day (${DAY_SECONDS})` : undefined,
    refuseLoopbackPeers(given.PEERS),
  ])
  return {
    identityFile: given.NODE_IDENTITY_FILE,
    peers: given.PEERS,
    callers: given.CALLERS,
    listen: given.LISTEN,
    dataDirectory: given.DATA_DIRECTORY,
    kms: kmsOptions(given.KMS_KEY, given.KMS_ENDPOINT),
    policy: policyIn(given.POLICY_FILE),
    graceMs: given.GRACE_SECONDS * 1000,
    api: { host: given.HOST, port: given.PORT, hosts: given.HOSTS },
    logLevel: given.LOG_LEVEL,
    drainMs: DRAIN_MS,
  }
}

/** A file, so that it can be reviewed and versioned like code. */
function policyIn(path: string | undefined): NodePolicy {
  if (path === undefined) return nodePolicy.parse({})
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new ConfigError('POLICY_FILE: cannot be read', { cause })
  }
  const { data, error } = envJson(nodePolicy).safeParse(text)
  if (data !== undefined) return data
  const issue = error?.issues[0]
  throw new ConfigError(`POLICY_FILE: ${[...(issue?.path ?? []), issue?.message ?? 'wrong'].map(String).join(': ')}`)
}
