import {
  closeAfter,
  createDrain,
  createLog,
  type Drain,
  handle,
  healthRoutes,
  type Incoming,
  type Log,
  listen,
  loadOrCreateSigningKey,
  projectOf,
  type SigningKey,
  spendToken,
  sweepEvery,
  trustKeys,
  verifyServiceToken,
  watchStore,
} from '@tandem/service'
import { openStore, ref, type Store } from '@tandem/store'
import { INTERNAL_VERSIONS, limits } from '@tandem/wire'
import type { DuoNodeConfig } from './config.ts'
import { type Events, openEvents } from './events.ts'
import { type BackendCall, type ForwardDeps, forward } from './forward.ts'
import { callOf, operationRoutes } from './http.ts'
import { jobRoutes } from './jobs.ts'
import { sigpair } from './sigpair.ts'
import { serveSockets, type Sockets } from './socket.ts'
import { systemCaller } from './system.ts'

export type DuoNode = {
  /** http://host:port */
  readonly url: string
  readonly log: Log
  /** Takes no new request, lets the running ones finish for a while, then cuts them. */
  readonly close: () => Promise<void>
}

/** Sigpair has its time, and we ours to pass on what it said. */
const DEADLINE_MS = limits.INTERNAL_CALL_MS + 500

/** Cloud Run ends a process ten seconds after SIGTERM. */
const DRAIN_MS = 8_000

export const logOf = ({ logLevel: level, store }: DuoNodeConfig) =>
  createLog({ name: 'duo-node', level, project: projectOf(store) })

/** @throws what a taken port, a locked database or a wrong key file throws */
export async function startDuoNode(config: DuoNodeConfig): Promise<DuoNode> {
  const log = logOf(config)
  const store = watchStore(await openStore(config.store), config.store.kind, 'backend')
  const drain = createDrain()
  const key = await loadOrCreateSigningKey(config.signingKeyFile, config.keysAreMounted)
  const backend = connect(config, store, key)
  const admit = systemCaller(backend)
  const caller = async (call: Incoming) => admit(callOf(call))
  const events = openEvents(config, { store, key, log, drain, caller })
  const stopSweeping = sweepEvery(store, log)

  const health = healthRoutes({ store: () => store.get(ref('health', 'probe')) }, drain)
  const forwarding = forward(backend)
  const jobs = jobRoutes({ sigpair: optionsFor(config, key), deliver: events.look, caller })
  const routes = [...health, ...operationRoutes(forwarding), ...events.routes, ...jobs]
  const handler = handle(routes, {
    log,
    hosts: config.hosts,
    versions: INTERNAL_VERSIONS,
    deadlineMs: DEADLINE_MS,
    drain,
  })
  const server = await listen(handler, { name: 'duo-node', host: config.host, port: config.port })
  const { hosts } = config
  const sockets = serveSockets(server.server, {
    forward: forwarding,
    admit,
    hosts,
    deadlineMs: DEADLINE_MS,
    drain,
    log,
  })
  events.start(sockets.announce)

  const close = async () => {
    stopSweeping()
    await Promise.all([closeAfter(server, drain, DRAIN_MS), closeSockets(events, sockets, drain)])
    await store.close()
  }
  return { url: `http://${config.host}:${server.port}`, log, close }
}

/** Acknowledgements leave first. */
async function closeSockets(events: Events, sockets: Sockets, drain: Drain): Promise<void> {
  events.stop()
  await drain.drain(DRAIN_MS)
  await sockets.close()
}

const optionsFor = ({ sigpairUrl: url, identity }: DuoNodeConfig, key: SigningKey) => ({ url, key, identity })

function connect(config: DuoNodeConfig, store: Store, key: SigningKey): ForwardDeps {
  const rules = { from: trustKeys(config.functionsKeys), issuer: 'functions', audience: 'duo-node' }
  return {
    verifyToken: (call: BackendCall) => verifyServiceToken(call.token, rules, call),
    spendToken: (claims) => spendToken(store, claims),
    askSigpair: sigpair(optionsFor(config, key)),
  }
}
