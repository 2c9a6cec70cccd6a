import { envJson, envList, isLoopback, type Refusal } from '@tandem/service'
import { nodeName } from '@tandem/wire'
import { z } from 'zod'
import type { Peer } from './network.ts'

const multiaddrs = /^\/(ip4|ip6|dns|dns4|dns6)\/[^/\s]{1,253}\/tcp\/[0-9]{1,5}(\/(ws|wss|tls\/ws))?$/
const address = z.string().regex(multiaddrs, 'a multiaddr such as /dns4/node-1.example/tcp/4001 or …/ws')

export const label = z.string().min(1).max(64)

export const peers = z
  .array(z.strictObject({ name: nodeName, label, addresses: z.array(address).min(1).max(8) }))
  .min(1)
  .max(64)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'a node is named twice')

/** Who a node is, and where it meets the others. */
export const peerVariables = {
  NODE_IDENTITY_FILE: z.string().meta({
    description:
      "this node's private Ed25519 JWK, mode 0600; made by `node sigpair/src/committee/cli/cli.ts identity FILE`",
    example: '/run/secrets/node.jwk',
  }),
  PEERS: envJson(peers).meta({
    description: 'every node of the committee, a JSON list',
    example: '[{"name":"0x…","label":"frankfurt","addresses":["/dns4/node-1.example/tcp/4001"]}]',
  }),
  LISTEN: envList.pipe(z.array(address).min(1)).default(['/ip4/127.0.0.1/tcp/4001']).meta({
    description: 'multiaddrs to listen on for the other nodes, separated by commas',
    example: '/ip4/0.0.0.0/tcp/4001,/ip4/0.0.0.0/tcp/4002/ws',
  }),
}

/** A committee on one machine falls with it. */
export function refuseLoopbackPeers(all: readonly Peer[]): Refusal {
  const host = (text: string) => text.split('/')[2] ?? ''
  const local = all.some(({ addresses }) => addresses.some((text) => isLoopback(`http://${bracketed(host(text))}`)))
  return local ? 'PEERS: a node on this machine only; use the address of the real one' : undefined
}

const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host)
