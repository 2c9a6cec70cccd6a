import type { Rng } from '@tandem/rounds'
import {
  closeAfter,
  createDrain,
  createLog,
  type Drain,
  handle,
  healthRoutes,
  listen,
  type Log,
  projectOf,
  trustKeys,
} from '@tandem/service'
import { INTERNAL_VERSIONS, toHex } from '@tandem/wire'
import { arithmetic } from './compute/arithmetic.ts'
import { checkpointAll, checkpointEvery } from './audit/audit-checkpoint.ts'
import type { Config } from './config.ts'
import { openDatabases } from './databases.ts'
import { type DialogueDeps, serveDialogue } from './dialogue/dialogue.ts'
import { loadIdentity } from './keys/identity.ts'
import { type InternalDeps, internalRoutes, readinessChecks } from './internal/internal-http.ts'
import { type Maintenance, maintenanceRoutes } from './internal/maintenance-routes.ts'
import { createKms, type Kms } from './seal/kms.ts'
import { watchKms } from './seal/kms-telemetry.ts'
import { createPool, type WorkerModule } from './compute/pool.ts'
import { createSealer } from './seal/seal.ts'
import { countSignatures } from './sign/signing-telemetry.ts'
import { listenForDevices } from './server.ts'
import type { Seat } from './member/seat.ts'
import type { Stores } from './stores.ts'
import { sweepExpired, sweepOnce } from './sweep.ts'

export type Sigpair = {
  /** ws://host:port for devices; undefined in the role `internal` */
  readonly url: string | undefined
  /** http://host:port for duo-node; undefined in the role `device` */
  readonly internalUrl: string | undefined
  /** Refuses new work, lets running dialogues and calls finish in the time the configuration gives, then stops. */
  readonly close: () => Promise<void>
}

/** What outlives single requests. */
type Parts = {
  readonly config: Config
  readonly log: Log
  readonly kms: Kms
  readonly stores: Stores
  readonly drain: Drain
}

/** Where everything that Sigpair draws comes from, if not from the CSPRNG: for a composition root that is no service. */
export type Randomness = { readonly rng: Rng; readonly worker: WorkerModule }

/** What a listener gives back. */
type Listener = { readonly url: string; readonly close: (graceMs: number) => Promise<void> }

/**
 * Starts a Sigpair: stores, identity, threads, listeners.
 *
 * @throws {Error} if a port is taken, KMS or a database cannot be used, or the known answers of the protocol do not come out
 */
export async function startSigpair(config: Config, randomness?: Randomness): Promise<Sigpair> {
  return start(config, { randomness })
}

/**
 * The same as a member of a committee.
 *
 * @throws {Error} as {@link startSigpair}; {UsageError} for a committee that is none
 */
export async function startSeated(config: Config, seat: Seat): Promise<Sigpair> {
  return start(config, { seat })
}

/** At most one of them. */
type Given = { readonly randomness?: Randomness | undefined; readonly seat?: Seat }

async function start(config: Config, { randomness, seat }: Given): Promise<Sigpair> {
  // An ordinary Sigpair loads nothing of a committee.
  const seats = seat && (await import('./member/seat.ts'))
  const member = seat && seats?.takeSeat(seat, Date.now)
  const parts = await openParts(config)
  const { log, kms, stores } = parts
  const { sockets: dialogues, threads } = config.bounds
  const lost = (cause: Error) => log.error({ event: 'thread-lost', cause })
  const pool = createPool({ dialogues, threads, lost, worker: randomness?.worker })
  const listeners: Listener[] = []
  const stopSweeping = sweepExpired(stores, log)
  const { auditKey: version } = config
  const stopSigning = version === undefined ? () => {} : checkpointEvery(stores, { kms, version }, log)
  const close = async () => {
    stopSweeping()
    stopSigning()
    await Promise.all(listeners.map((listener) => listener.close(config.deadlines.drainMs)))
    member?.rounds.close()
    await pool.close()
    await Promise.all([stores.parties.close(), stores.presignatures.close(), kms.close()])
  }
  try {
    const backend = await pool.probe()
    if (backend === 'noble') log.warn({ event: 'no-native-curve' }, 'libsecp256k1 did not load: slower, same results')
    const rng = randomness?.rng ?? arithmetic().rng
    const own = await loadIdentity(stores, rng)
    const identity = seat ? { ...own, identity: seat.identity } : own
    const asMember = seat && seats && member && { ...seats.gatewayOf(seat), member, release: pool.releasePart }
    const urls = await serve(parts, { identity, pool, rng, asMember }, listeners)
    // What a gateway and every device pin of a member.
    const pinned = member && { member: member.self, publicKey: toHex(own.exchange.publicKey) }
    log.info({ event: 'started', ...urls, backend, ...pinned })
    return { ...urls, close }
  } catch (cause) {
    await close()
    throw cause
  }
}

type Serving = Pick<DialogueDeps, 'identity' | 'pool' | 'rng'> & Pick<InternalDeps, 'asMember'>

/** Whoever is to be served; each listener is noted as soon as it listens. */
async function serve(
  parts: Parts,
  serving: Serving,
  listeners: Listener[],
): Promise<Pick<Sigpair, 'url' | 'internalUrl'>> {
  const { config, stores, log } = parts
  const trust = { functions: trustKeys(config.functionsKeys), duoNode: trustKeys(config.duoNodeKeys) }
  const { roundMs } = config.deadlines
  const deps = { ...serving, stores, roundMs, log, trust: trust.functions, member: serving.asMember?.member }
  const devices = config.role === 'internal' ? undefined : await serveDevices(parts, deps)
  if (devices) listeners.push(devices)
  const internal = config.role === 'device' ? undefined : await serveInternal(parts, serving, trust)
  if (internal) listeners.push(internal)
  return { url: devices?.url, internalUrl: internal?.url }
}

const logOf = ({ logLevel: level, stores }: Config) =>
  createLog({ name: 'sigpair', level, project: projectOf(stores.parties) })

async function openParts(config: Config): Promise<Parts> {
  const databases = await openDatabases(config)
  const kms = watchKms(createKms(config.kms))
  const stores = { ...databases, sealer: createSealer(kms), now: Date.now }
  return { config, kms, stores, log: logOf(config), drain: createDrain() }
}

async function serveDevices(
  { config, kms, stores, log, drain }: Parts,
  deps: Omit<DialogueDeps, 'deadlines'>,
): Promise<Listener> {
  const { host, port, hosts, origins, proxies, bounds, deadlines } = config
  const health = handle(healthRoutes(readinessChecks(stores, kms), drain), { log, hosts, origins, drain })
  return listenForDevices({
    host,
    port,
    rules: { hosts, origins, proxies },
    bounds,
    drain,
    http: health,
    serve: async (socket, arrival) => serveDialogue({ ...deps, deadlines }, socket, arrival),
  })
}

async function serveInternal(
  { config, kms, stores, log, drain }: Parts,
  { identity, pool, rng, asMember }: Serving,
  trust: Record<'functions' | 'duoNode', ReturnType<typeof trustKeys>>,
): Promise<Listener> {
  const { internalHost: host, internalPort: port, hosts } = config
  const duoNode = { issuer: 'duo-node', keys: trust.duoNode }
  const routes = [
    ...healthRoutes(readinessChecks(stores, kms), drain),
    ...internalRoutes({
      stores,
      identity,
      backend: arithmetic().backend,
      rng,
      complete: countSignatures(pool.completeSignature),
      tasks: pool.shareTasks,
      policyDelayMs: config.policyDelayMs,
      callers: { duoNode, backend: { issuer: 'functions', keys: trust.functions } },
      asMember,
    }),
    ...maintenanceRoutes({ stores, duoNode, maintenance: maintenanceOf({ config, kms, stores, log }) }),
  ]
  const http = await listen(handle(routes, { log, hosts, versions: INTERNAL_VERSIONS, drain }), {
    name: 'sigpair (internal)',
    host,
    port,
  })
  return { url: `http://${host}:${http.port}`, close: async (graceMs) => closeAfter(http, drain, graceMs) }
}

/** What the timers do, for a scheduler. Source: docs/spec/events.md, section 7. */
function maintenanceOf({ config, kms, stores, log }: Omit<Parts, 'drain'>): Maintenance {
  const { auditKey: version } = config
  return {
    'sweep-keys': () => sweepOnce(stores, log),
    'sign-checkpoints': async () => {
      if (version !== undefined) await checkpointAll(stores, { kms, version })
      return []
    },
  }
}
