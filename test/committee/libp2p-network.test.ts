import { createHash } from 'node:crypto'
import { createLog } from '@tandem/service'
import type { Network, Peer } from '../../sigpair/src/committee/network.ts'
import { openLibp2pNetwork } from '../../sigpair/src/committee/libp2p/libp2p-network.ts'
import { nodeIdentity } from '../../sigpair/src/committee/node-identity.ts'
import { freePort } from '../helpers/stack.ts'
import { networkContract, type Trio } from './network-contract.ts'

const SEEDS = [1, 2, 3].map((n) => new Uint8Array(createHash('sha256').update(`node ${n}`).digest()))

networkContract('over libp2p and TCP', async () => openTrio(''))
networkContract('over libp2p and WebSocket', async () => openTrio('/ws'), 'what a transport can break')

async function openTrio(transport: '' | '/ws'): Promise<Trio> {
  const ports: number[] = []
  for (const _ of SEEDS) ports.push(await freePort(ports))
  const peers = SEEDS.map((seed, i): Peer => {
    const addresses = [`/ip4/127.0.0.1/tcp/${ports[i]}${transport}`]
    return { name: nodeIdentity(seed).name, label: `node ${i + 1}`, addresses }
  })
  const open = async (i: number) =>
    openLibp2pNetwork({
      identitySeed: SEEDS[i]!,
      peers: peers.filter((_, j) => j !== i),
      listen: peers[i]!.addresses,
      log: createLog({ name: 'test', level: 'silent' }),
    })
  const networks: [Network, Network, Network] = [await open(0), await open(1), await open(2)]
  let last = networks[2]
  return {
    networks,
    killLast: async () => last.close(),
    restartLast: async () => {
      last = await open(2)
      return last
    },
    close: async () => {
      await Promise.all([networks[0].close(), networks[1].close(), last.close()])
    },
  }
}
