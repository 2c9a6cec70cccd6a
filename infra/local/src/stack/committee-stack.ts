import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createKeyFile, readKeyFile } from '../../../../sigpair/src/committee/key-file.ts'
import { type NodeIdentity, nodeIdentity } from '../../../../sigpair/src/committee/node-identity.ts'
import { startKms } from '../kms/kms.ts'
import { portOf, requireFreePort } from '../processes/ports.ts'
import { type Service, serviceOf, type ServiceSpec } from '../processes/service-process.ts'

/** A node of the local committee: a process of its own, which can be killed and started again. */
export type LocalNode = Service & {
  /** its Ed25519 key, 0x-hex */
  readonly node: string
  readonly apiUrl: string
}

export type LocalCommittee = {
  /** by their places, 1…n; none of them runs yet */
  readonly nodes: readonly LocalNode[]
  /** whom every node pins */
  readonly caller: NodeIdentity
  readonly logs: string
  readonly stop: () => Promise<void>
}

export type CommitteeOptions = {
  /** databases, keys and logs */
  readonly directory: string
  /** that know each other; which of them hold a key is the caller's choice */
  readonly nodes: number
  /** of the connections between nodes */
  readonly transport?: 'tcp' | 'ws'
  /** beside what every node needs */
  readonly env?: Readonly<Record<string, string>>
  /** makes of a node, by its place, another process than planned */
  readonly adapt?: (place: number, planned: NodeProcess) => NodeProcess | Promise<NodeProcess>
}

export type NodeProcess = Pick<ServiceSpec, 'args' | 'env'>

const MAIN = resolve(import.meta.dirname, '../../../../sigpair/src/main.ts')

/** What is written down of one node before anything runs. */
type Plan = {
  readonly name: string
  readonly identityFile: string
  /** multiaddr for the other nodes */
  readonly address: string
  /** port of the callers' API */
  readonly api: number
  readonly node: string
}

/** Keys, ports and a local KMS for a committee on loopback. Start its nodes one by one. */
export async function planCommittee(options: CommitteeOptions): Promise<LocalCommittee> {
  const { directory, transport = 'tcp', env = {}, adapt = asPlanned } = options
  const logs = join(directory, 'logs')
  await mkdir(logs, { recursive: true, mode: 0o700 })
  const ports = await freePorts(2 * options.nodes)
  const plans = Array.from({ length: options.nodes }, (_, i): Plan => {
    const name = `node-${i + 1}`
    const identityFile = join(directory, `${name}.jwk`)
    const address = `/ip4/127.0.0.1/tcp/${ports[2 * i]}${transport === 'ws' ? '/ws' : ''}`
    return { name, identityFile, address, api: ports[2 * i + 1]!, node: identityIn(identityFile).name }
  })
  const caller = identityIn(join(directory, 'caller.jwk'))
  const keys = plans.map(({ name }) => kmsKeyOf(name))
  const kms = await startKms({ port: 0, file: join(directory, 'kms.json'), keys })
  const common = {
    MODE: 'development',
    METADATA_SERVER_DETECTION: 'none',
    PEERS: JSON.stringify(plans.map(({ node, name, address }) => ({ name: node, label: name, addresses: [address] }))),
    CALLERS: JSON.stringify([{ publicKey: caller.name, label: 'local' }]),
    KMS_ENDPOINT: `http://127.0.0.1:${kms.port}`,
    ...env,
  }
  const nodes = await Promise.all(
    plans.map(async (plan, i) => nodeOf(plan, directory, await adapt(i + 1, processOf(plan, directory, common)))),
  )
  const stop = async () => {
    await Promise.all(nodes.map((one) => one.stop()))
    await kms.close()
  }
  return { nodes, caller, logs, stop }
}

const asPlanned = (_place: number, planned: NodeProcess) => planned

/** Each node has its own. */
function kmsKeyOf(name: string): string {
  return `projects/local/locations/local/keyRings/tandem/cryptoKeys/${name}`
}

function processOf(
  { name, identityFile, address, api }: Plan,
  directory: string,
  common: Readonly<Record<string, string>>,
): NodeProcess {
  return {
    args: [MAIN, '--mode', 'committee'],
    env: {
      ...common,
      NODE_IDENTITY_FILE: identityFile,
      LISTEN: address,
      DATA_DIRECTORY: join(directory, name),
      PORT: String(api),
      KMS_KEY: kmsKeyOf(name),
    },
  }
}

function nodeOf({ name, api, node }: Plan, directory: string, process: NodeProcess): LocalNode {
  const apiUrl = `http://127.0.0.1:${api}`
  const logFile = join(directory, 'logs', `${name}.log`)
  return { ...serviceOf({ ...process, name, logFile, healthUrl: `${apiUrl}/health/ready` }), node, apiUrl }
}

/** Makes the key first, if there is none. */
export function identityIn(file: string): NodeIdentity {
  if (!existsSync(file)) createKeyFile(file)
  const seed = readKeyFile(file)
  try {
    return nodeIdentity(seed)
  } finally {
    seed.fill(0)
  }
}

/** Below the ports that systems hand out by themselves: a node that is killed finds its own again. */
async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  while (found.size < count) {
    const port = randomInt(15_000, 32_000)
    const free = await requireFreePort(portOf('a node', port, 'port', 'PORT')).then(
      () => true,
      () => false,
    )
    if (free) found.add(port)
  }
  return [...found]
}
