import {
  ConfigError,
  type Env,
  envJson,
  envUrl,
  readConfig,
  type Refusal,
  refuseLocal,
  requireMode,
} from '@tandem/service'
import { hex, limits } from '@tandem/wire'
import { z } from 'zod'
import { boundsOf, type DeviceBounds, DRAIN_MS, type Listeners, listenersOf, listenVariables } from '../listeners.ts'

/** A member, as the gateway reaches it, and as every device has pinned it. */
export type GatewayMember = {
  /** ws(s)://host:port, without path */
  readonly url: string
  /** its internal HTTP, without a trailing slash */
  readonly internalUrl: string
  /** Ed25519, 0x-hex */
  readonly identity: string
  /** X25519 of the encrypted channel, 0x-hex */
  readonly publicKey: string
}

export type GatewayConfig = Listeners & {
  /** in the order of their indices: the first is member 1 */
  readonly members: readonly GatewayMember[]
  /** t: how many of them sign with the device */
  readonly threshold: number
  /** Ed25519 key of our own service tokens */
  readonly signingKeyFile: string
  /** on Cloud Run the key file is a secret that the platform mounts */
  readonly keysAreMounted: boolean
  readonly bounds: DeviceBounds
  readonly deadlines: GatewayDeadlines
}

export type GatewayDeadlines = {
  /** until a member takes a leg; how long a socket may be without any */
  readonly legMs: number
  /** without a message in either direction */
  readonly idleMs: number
  /** of a whole socket, but for what a committee adds */
  readonly dialogueMs: number
  /** of one call to one member */
  readonly callMs: number
  /** of one call of the gateway's own that follows from it */
  readonly ownCallMs: number
  /** how long the last members are waited for once there are enough */
  readonly patienceMs: number
  /** how long running dialogues may finish after SIGTERM */
  readonly drainMs: number
}

/**
 * The members' own deadlines come first: what they say is the better reason. A call leaves duo-node time to pass on what was said.
 */
export const GATEWAY_DEADLINES: GatewayDeadlines = {
  legMs: limits.HANDSHAKE_MS,
  idleMs: limits.DIALOGUE_MS,
  // our clock starts first
  dialogueMs: limits.DIALOGUE_MS + limits.HANDSHAKE_MS,
  callMs: 9_000,
  ownCallMs: 4_000,
  patienceMs: 1_000,
  drainMs: DRAIN_MS,
}

const member = z.strictObject({
  url: envUrl('ws', 'wss'),
  internalUrl: envUrl('http', 'https'),
  identity: hex(32).toLowerCase(),
  publicKey: hex(32).toLowerCase(),
})

const members = z
  .array(member)
  .min(2)
  .max(limits.MAX_NODES)
  .refine((all) => new Set(all.map(({ identity }) => identity)).size === all.length, 'a member is named twice')

const schema = z.object({
  ...listenVariables,
  MEMBERS: envJson(members).meta({
    description: 'all members in the order of their indices, a JSON list; each logs its publicKey when it starts',
    example:
      '[{"url":"wss://node-1.example","internalUrl":"https://node-1.internal","identity":"0x…","publicKey":"0x…"}]',
  }),
  THRESHOLD: z
    .string()
    .regex(/^[0-9]{1,2}$/, 'a number')
    .transform(Number)
    .meta({ description: 'how many members sign with the device, as they have it', example: '2' }),
  SIGNING_KEY_FILE: z.string().meta({
    description: 'Ed25519 key of our service tokens; made, with mode 0600, if it is missing',
    example: '.tandem/gateway.jwk',
  }),
})

/** @throws {ConfigError} naming every variable that is missing, wrong, or refused in production */
export function readGatewayConfig(env: Env = process.env): GatewayConfig {
  const given = readConfig(schema, env)
  const { MEMBERS: all, THRESHOLD: threshold } = given
  if (threshold < 2 || threshold > all.length) {
    throw new ConfigError(`THRESHOLD: 2 to ${all.length}, the members in MEMBERS`)
  }
  requireMode(given, refusalsOf(all))
  return {
    ...listenersOf(given),
    members: all.map((one) => ({ ...one, url: bare(one.url), internalUrl: bare(one.internalUrl) })),
    threshold,
    signingKeyFile: given.SIGNING_KEY_FILE,
    keysAreMounted: given.K_SERVICE !== undefined,
    bounds: boundsOf(given),
    deadlines: GATEWAY_DEADLINES,
  }
}

/** Members on one machine fall with it, and devices are told of none that nobody else reaches. */
function refusalsOf(all: readonly GatewayMember[]): readonly Refusal[] {
  const lines = all.flatMap(({ url, internalUrl }) => [
    refuseLocal('MEMBERS', url),
    refuseLocal('MEMBERS', internalUrl),
  ])
  return [...new Set(lines)]
}

const bare = (url: string) => url.replace(/\/$/, '')
