import { ConfigError, createLog } from '@tandem/service'
import { readKeyFile } from '../committee/key-file.ts'
import { openLibp2pNetwork } from '../committee/libp2p/libp2p-network.ts'
import { nodeIdentity } from '../committee/node-identity.ts'
import { type Sigpair, startSeated } from '../start.ts'
import { identitiesOf } from './member.ts'
import type { MemberConfig } from './member-config.ts'
import type { Seat } from './seat.ts'

/**
 * Starts a Sigpair that holds share i of n beside a device. Import it when wanted: it loads libp2p.
 *
 * @throws {ConfigError} for an identity file that is none, or a committee that is none
 * @throws {Error} as `startSeated`, or if an address of the network cannot be listened on
 *
 * Source: docs/spec/gateway.md 1.1.
 */
export async function startMember(config: MemberConfig): Promise<Sigpair> {
  const seat = await openSeat(config)
  try {
    const sigpair = await startSeated(config, seat)
    const close = async () => {
      await sigpair.close()
      await seat.network.close()
    }
    return { ...sigpair, close }
  } catch (cause) {
    await seat.network.close()
    throw cause
  }
}

async function openSeat({ committee, logLevel }: MemberConfig): Promise<Seat> {
  const { identityFile, peers, listen } = committee
  const seed = readKeyFile(identityFile)
  try {
    const identity = nodeIdentity(seed)
    requireCommittee(committee, identity.publicKey)
    const others = peers.map(({ index, identity: name, addresses }) => ({ name, label: `member ${index}`, addresses }))
    const log = createLog({ name: 'sigpair', level: logLevel })
    const network = await openLibp2pNetwork({ identitySeed: seed, peers: others, listen, log })
    return { committee, identity, network }
  } finally {
    seed.fill(0)
  }
}

function requireCommittee(committee: MemberConfig['committee'], own: Uint8Array): void {
  try {
    identitiesOf(committee, own)
  } catch (cause) {
    throw new ConfigError(`the committee is none: ${cause instanceof Error ? cause.message : 'wrong'}`, { cause })
  }
}
