import { join } from 'node:path'
import { closeAfter, createDrain, createLog, handle, healthRoutes, listen, type Log } from '@tandem/service'
import { openLevel, type Store } from '@tandem/store'
import { arithmetic } from '../compute/arithmetic.ts'
import { createKms, type Kms } from '../seal/kms.ts'
import { createSealer } from '../seal/seal.ts'
import type { Committee } from './committee.ts'
import type { CommitteeConfig } from './config.ts'
import { readKeyFile } from './key-file.ts'
import { openLibp2pNetwork } from './libp2p/libp2p-network.ts'
import { nodeIdentity } from './node-identity.ts'
import { requireAllowed } from './node-policy.ts'
import { type CommitteeDeps, TIMING } from './operations/deps.ts'
import { rpcRoutes } from './rpc/rpc-http.ts'

export type CommitteeNode = {
  /** http://host:port of the callers' API */
  readonly apiUrl: string
  /** Refuses new calls, lets running ones finish in the time the configuration gives, then stops. */
  readonly close: () => Promise<void>
}

/** @throws {Error} if what is stored cannot be used */
export type OpenCommittee = (deps: CommitteeDeps) => Committee | Promise<Committee>

/** A key generation among ten nodes takes several seconds, and may have to be tried again. */
const CALL_MS = 60_000

/** Erases what has expired. */
const SWEEP_EVERY_MS = 60_000

/** Undoes what was opened, the last first. */
type Ends = (() => Promise<void>)[]

/**
 * Starts a node of a committee: databases, identity, network, operations, the callers' API.
 *
 * @throws {ConfigError} for an identity file that is none
 * @throws {Error} if a port is taken, or KMS or a database cannot be used
 */
export async function startCommitteeNode(config: CommitteeConfig, open: OpenCommittee): Promise<CommitteeNode> {
  const ends: Ends = []
  const close = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    return { apiUrl: await openNode(config, open, ends), close }
  } catch (cause) {
    await close()
    throw cause
  }
}

async function openNode(config: CommitteeConfig, open: OpenCommittee, ends: Ends): Promise<string> {
  const log = createLog({ name: 'committee', level: config.logLevel })
  const kms = createKms(config.kms)
  ends.push(async () => kms.close())
  const store = await openLevel({ path: join(config.dataDirectory, 'node') })
  ends.push(async () => store.close())
  ends.push(sweepNowAndThen(store, log))

  const { network, identity } = await joinNetwork(config, log)
  ends.push(async () => network.close())
  const sealer = createSealer(kms)
  const committee = await open({
    network,
    identity,
    store,
    sealer,
    callers: config.callers,
    policy: (request) => {
      if (request.method === 'keySign') requireAllowed(config.policy, request.params.payload, Date.now())
    },
    arithmetic: arithmetic(),
    log,
    now: Date.now,
    timing: { ...TIMING, graceMs: config.graceMs },
  })
  ends.push(async () => committee.close())

  const url = await serveCallers(config, { committee, log, checks: checksOf(store, kms) }, ends)
  log.info({ event: 'started', node: identity.name, apiUrl: url, peers: network.peers.length })
  return url
}

/** Peers are no part of it: a committee whose nodes wait for each other never starts. */
function checksOf(store: Store, kms: Kms): Parameters<typeof healthRoutes>[0] {
  return {
    store: async () => store.list('keys', { limit: 1 }),
    kms: async () => kms.wrap(new Uint8Array(32), new Uint8Array()),
  }
}

async function joinNetwork({ identityFile, peers, listen: addresses }: CommitteeConfig, log: Log) {
  const seed = readKeyFile(identityFile)
  try {
    const identity = nodeIdentity(seed)
    const others = peers.filter(({ name }) => name !== identity.name)
    const network = await openLibp2pNetwork({ identitySeed: seed, peers: others, listen: addresses, log })
    return { identity, network }
  } finally {
    seed.fill(0)
  }
}

async function serveCallers(
  { api: { host, port, hosts }, drainMs }: CommitteeConfig,
  parts: { readonly committee: Committee; readonly log: Log; readonly checks: Parameters<typeof healthRoutes>[0] },
  ends: Ends,
): Promise<string> {
  const { committee, log, checks } = parts
  const drain = createDrain()
  const routes = [...healthRoutes(checks, drain), ...rpcRoutes(committee)]
  const http = await listen(handle(routes, { log, hosts, drain, deadlineMs: CALL_MS }), {
    name: 'committee',
    host,
    port,
  })
  ends.push(async () => closeAfter(http, drain, drainMs))
  return `http://${host}:${http.port}`
}

function sweepNowAndThen(store: Store, log: Log): () => Promise<void> {
  const failed = (cause: unknown) => log.warn({ event: 'sweep.failed', cause })
  const timer = setInterval(() => void store.sweep().catch(failed), SWEEP_EVERY_MS)
  timer.unref()
  return async () => clearInterval(timer)
}
