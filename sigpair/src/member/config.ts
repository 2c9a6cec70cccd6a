import { ConfigError, type Env, readConfig, requireMode } from '@tandem/service'
import { limits } from '@tandem/wire'
import { z } from 'zod'
import { readKeyFile } from '../committee/key-file.ts'
import { nodeIdentity } from '../committee/node-identity.ts'
import { peers, peerVariables, refuseLoopbackPeers } from '../committee/peers-config.ts'
import { JWK_EXAMPLE, publicKeys, sigpairConfig, sigpairRefusals, sigpairVariables } from '../config.ts'
import type { CommitteeConfig, MemberConfig } from './member-config.ts'

const variables = {
  ...peerVariables,
  THRESHOLD: z
    .string()
    .regex(/^[0-9]{1,2}$/, 'a number')
    .transform(Number)
    .meta({ description: 'how many members sign with the device, the same at all of them', example: '2' }),
  GATEWAY_KEYS: publicKeys.meta({ description: 'public keys of the gateways, a JSON list', example: JWK_EXAMPLE }),
}

const schema = z.object(variables)

/**
 * A Sigpair's configuration, and which committee it is a member of: `PEERS` are all n members, in the order of their indices.
 *
 * @throws {ConfigError} naming every variable that is missing, wrong, or refused in production
 */
export function readMemberConfig(env: Env = process.env): MemberConfig {
  const given = readConfig(sigpairVariables(env).extend(variables), env)
  if (given.K_SERVICE !== undefined) {
    throw new ConfigError('K_SERVICE: Cloud Run has no TCP port for other members; a member needs a machine')
  }
  requireMode(given, [...sigpairRefusals(given), refuseLoopbackPeers(given.PEERS)])
  return { ...sigpairConfig(given), committee: committeeOf(given) }
}

function committeeOf(given: z.infer<typeof schema>): CommitteeConfig {
  const { PEERS: all, THRESHOLD: threshold, NODE_IDENTITY_FILE: identityFile } = given
  checkSizes(all, threshold)
  const index = placeIn(all, identityFile)
  const pinned = all.map(({ name, addresses }, at) => ({ index: at + 1, identity: name, addresses }))
  return {
    index,
    threshold,
    peers: pinned.filter((one) => one.index !== index),
    identityFile,
    listen: given.LISTEN,
    gatewayKeys: given.GATEWAY_KEYS,
  }
}

function checkSizes({ length: n }: z.infer<typeof peers>, threshold: number): void {
  if (n < 2 || n > limits.MAX_NODES) throw new ConfigError(`PEERS: a committee has 2 to ${limits.MAX_NODES} members`)
  if (threshold < 2 || threshold > n) throw new ConfigError(`THRESHOLD: 2 to ${n}, the members in PEERS`)
}

/** Our index is where our name stands, so that the two cannot contradict. */
function placeIn(all: z.infer<typeof peers>, identityFile: string): number {
  const seed = readKeyFile(identityFile)
  const { name } = nodeIdentity(seed)
  seed.fill(0)
  const at = all.findIndex((one) => one.name === name)
  if (at < 0) throw new ConfigError(`PEERS: the node of NODE_IDENTITY_FILE, ${name}, is not among them`)
  return at + 1
}
