import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSigningKey, issueServiceToken, issueTicket, type SigningKey, type TicketGrant } from '@tandem/service'
import { createKms, createSealer, loadIdentity, type Stores } from '@tandem/sigpair'
import { openSqlite } from '@tandem/store'
import { LOCAL_KEY, startKms } from '../../infra/local/src/kms/kms.ts'
import { createKeyFile, readKeyFile } from '../../sigpair/src/committee/key-file.ts'
import type { Network } from '../../sigpair/src/committee/network.ts'
import { type NodeIdentity, nodeIdentity } from '../../sigpair/src/committee/node-identity.ts'
import { type Config, DEADLINES } from '../../sigpair/src/config.ts'
import type { CommitteeConfig } from '../../sigpair/src/member/member-config.ts'
import { startMember } from '../../sigpair/src/member/start-member.ts'
import { startSeated } from '../../sigpair/src/start.ts'
import { type MemoryNetworks, memoryNetworks } from '../helpers/memory-network.ts'
import { seeded } from '../helpers/rng.ts'
import { OWNER } from '../helpers/sigpair.ts'
import { freePort } from '../../infra/local/src/processes/ports.ts'

/** One member that runs: real sockets, real databases, real threads. */
export type TestMember = {
  readonly index: number
  readonly url: string
  readonly internalUrl: string
  /** its databases, as another instance sees them */
  readonly stores: Stores
  readonly sigpairKey: Uint8Array
  readonly identity: NodeIdentity
}

/** A committee in this process, and everybody whose words it believes. */
export type Members = {
  readonly threshold: number
  readonly all: readonly TestMember[]
  readonly at: (index: number) => TestMember
  /** undefined over libp2p */
  readonly net: MemoryNetworks | undefined
  readonly ticket: (grant: TicketGrant) => Promise<string>
  /** A call of the backend's, as duo-node and a gateway pass it on. */
  readonly call: (member: TestMember, call: InternalCall) => Promise<Answer>
  /** A call of the gateway's own. */
  readonly gateway: (member: TestMember, call: InternalCall) => Promise<Answer>
  readonly close: () => Promise<void>
}

export type InternalCall = { readonly method?: 'GET' | 'POST' | 'PUT'; readonly path: string; readonly body?: object }

export type Answer = { readonly status: number; readonly body: Record<string, unknown> }

export type MemberOptions = {
  readonly members?: number
  readonly threshold?: number
  readonly deadlines?: Partial<Config['deadlines']>
  /** over libp2p, as it ships; else over a network in memory */
  readonly libp2p?: true
  /** what a cheating member has in front of its network in memory */
  readonly wrap?: (index: number, network: Network) => Network
}

type Keys = Record<'functions' | 'duoNode' | 'gateway', SigningKey>

export async function startMembers(options: MemberOptions = {}): Promise<Members> {
  const { members = 3, threshold = 2, wrap = (_, network) => network } = options
  const folder = mkdtempSync(join(tmpdir(), 'tandem-members-'))
  const kms = await startKms({ port: 0, file: join(folder, 'kms.json') })
  const place = { keyName: LOCAL_KEY, endpoint: '127.0.0.1', port: kms.port, insecure: true }
  const client = createKms(place)
  const keys = {
    functions: await createSigningKey(),
    duoNode: await createSigningKey(),
    gateway: await createSigningKey(),
  }
  const files = Array.from({ length: members }, (_, at) => join(folder, `member-${at + 1}.jwk`))
  const identities = files.map((file, at) =>
    nodeIdentity(options.libp2p ? newKey(file) : seeded(`member ${at + 1}`)(32)),
  )
  const net = options.libp2p ? undefined : memoryNetworks(identities.map(({ name }) => name))
  const ports: number[] = []
  if (options.libp2p) for (const _ of files) ports.push(await freePort(ports))
  const ends: (() => Promise<void>)[] = []

  const start = async (index: number): Promise<TestMember> => {
    const identity = identities[index - 1]!
    const databases = {
      parties: placeOf(folder, index, 'parties'),
      presignatures: placeOf(folder, index, 'presignatures'),
    }
    const sitting = { index, threshold, keys, ports, identityFile: files[index - 1]! }
    const committee = committeeOf(identities, sitting)
    const config = configOf({ databases, kms: place, keys, deadlines: options.deadlines })
    const network = net && wrap(index, net.node(identity.name))
    const sigpair = await (network
      ? startSeated(config, { committee, identity, network })
      : startMember({ ...config, committee }))
    const opened = { parties: openSqlite(databases.parties), presignatures: openSqlite(databases.presignatures) }
    const stores = { ...opened, sealer: createSealer(client), now: Date.now }
    ends.push(async () => {
      await sigpair.close()
      await network?.close()
      await Promise.all([stores.parties.close(), stores.presignatures.close()])
    })
    const { exchange } = await loadIdentity(stores)
    const { url = '', internalUrl = '' } = sigpair
    return { index, url, internalUrl, stores, sigpairKey: exchange.publicKey, identity }
  }
  const close = async () => {
    await Promise.all(ends.map(async (end) => end()))
    await client.close()
    await kms.close()
    rmSync(folder, { recursive: true })
  }
  const all = await Promise.all(identities.map(async (_, at) => start(at + 1)))
  return {
    ...{ threshold, all, net, close },
    at: (index) => all[index - 1]!,
    ticket: (grant) => issueTicket(keys.functions, grant),
    call: (member, call) => ask(member, call, async (what) => tokens(keys, what)),
    gateway: (member, call) => ask(member, call, async (what) => gatewayToken(keys, what)),
  }
}

function placeOf(folder: string, index: number, name: string) {
  return { kind: 'sqlite', path: join(folder, `${name}-${index}.sqlite`) } as const
}

type Sitting = Pick<CommitteeConfig, 'index' | 'threshold' | 'identityFile'> & {
  readonly keys: Keys
  /** of members 1…n; none without libp2p */
  readonly ports: readonly number[]
}

function committeeOf(identities: readonly NodeIdentity[], { keys, ports, ...own }: Sitting): CommitteeConfig {
  const address = (at: number) => ports.slice(at - 1, at).map((port) => `/ip4/127.0.0.1/tcp/${port}`)
  const all = identities.map(({ name }, at) => ({ index: at + 1, identity: name, addresses: address(at + 1) }))
  const peers = all.filter(({ index }) => index !== own.index)
  return { ...own, peers, listen: address(own.index), gatewayKeys: [keys.gateway.publicJwk] }
}

function newKey(file: string): Uint8Array {
  createKeyFile(file)
  return readKeyFile(file)
}

type Configured = {
  readonly databases: Config['stores']
  readonly kms: Config['kms']
  readonly keys: Keys
  readonly deadlines: Partial<Config['deadlines']> | undefined
}

function configOf({ databases, kms, keys, deadlines }: Configured): Config {
  return {
    ...{ stores: databases, kms, role: 'both', host: '127.0.0.1', port: 0, internalHost: '127.0.0.1', internalPort: 0 },
    ...{ functionsKeys: [keys.functions.publicJwk], duoNodeKeys: [keys.duoNode.publicJwk] },
    ...{ hosts: ['127.0.0.1'], origins: [], proxies: 0, auditKey: undefined, policyDelayMs: 0, logLevel: 'silent' },
    bounds: { sockets: 64, perAddress: 64, pingMs: 30_000, threads: 1 },
    // A machine with other work computes for seconds; nobody waits this long unless somebody is silent.
    deadlines: { ...DEADLINES, dialogueMs: 60_000, roundMs: 25_000, drainMs: 0, ...deadlines },
  }
}

type Bound = { readonly method: string; readonly path: string; readonly body: Uint8Array }

async function tokens({ functions, duoNode }: Keys, call: Bound) {
  const from = { subject: OWNER, audience: ['duo-node', 'sigpair'] }
  const forwarded = await issueServiceToken(functions, { ...from, issuer: 'functions' }, call)
  const own = await issueServiceToken(duoNode, { ...from, issuer: 'duo-node', audience: ['sigpair'] }, call)
  return { authorization: `Bearer ${own}`, 'x-tandem-caller': forwarded }
}

async function gatewayToken({ gateway }: Keys, call: Bound) {
  const from = { issuer: 'gateway', subject: 'system', audience: ['sigpair'] }
  return { authorization: `Bearer ${await issueServiceToken(gateway, from, call)}` }
}

async function ask(
  { internalUrl }: TestMember,
  { method = 'POST', path, body }: InternalCall,
  sign: (call: Bound) => Promise<Record<string, string>>,
): Promise<Answer> {
  const bytes = new TextEncoder().encode(body === undefined ? '' : JSON.stringify(body))
  const headers = { 'content-type': 'application/json', ...(await sign({ method, path, body: bytes })) }
  const sent = body === undefined ? {} : { body: bytes }
  const answer = await fetch(`${internalUrl}${path}`, { method, headers, ...sent })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}
