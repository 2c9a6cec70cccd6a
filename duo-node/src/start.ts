import {
  closeAfter,
  createDrain,
  createLog,
  handle,
  healthRoutes,
  type Log,
  listen,
  loadOrCreateSigningKey,
  spendToken,
  trustKeys,
  verifyServiceToken,
} from '@tandem/service'
import { openSqlite, ref, type Store } from '@tandem/store'
import { limits } from '@tandem/wire'
import type { DuoNodeConfig } from './config.ts'
import { type BackendCall, type ForwardDeps, forward } from './forward.ts'
import { operationRoutes } from './http.ts'
import { sigpair } from './sigpair.ts'

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

/** @throws what a taken port, a locked database or a wrong key file throws */
export async function startDuoNode(config: DuoNodeConfig): Promise<DuoNode> {
  const log = createLog({ name: 'duo-node', level: config.logLevel })
  const store = openSqlite({ path: config.storePath })
  const drain = createDrain()

  const health = healthRoutes({ store: () => store.get(ref('health', 'probe')) }, drain)
  const routes = [...health, ...operationRoutes(forward(await connect(config, store)))]
  const handler = handle(routes, { log, hosts: config.hosts, deadlineMs: DEADLINE_MS, drain })
  const server = await listen(handler, { name: 'duo-node', host: config.host, port: config.port })

  const close = async () => {
    await closeAfter(server, drain, DRAIN_MS)
    await store.close()
  }
  return { url: `http://${config.host}:${server.port}`, log, close }
}

async function connect(config: DuoNodeConfig, store: Store): Promise<ForwardDeps> {
  const key = await loadOrCreateSigningKey(config.signingKeyFile)
  const rules = { from: trustKeys(config.functionsKeys), issuer: 'functions', audience: 'duo-node' }
  return {
    verifyToken: (call: BackendCall) => verifyServiceToken(call.token, rules, call),
    spendToken: (claims) => spendToken(store, claims),
    askSigpair: sigpair({ url: config.sigpairUrl, key }),
  }
}
