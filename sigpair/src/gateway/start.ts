import {
  closeAfter,
  createDrain,
  createLog,
  type Drain,
  handle,
  healthRoutes,
  listen,
  loadOrCreateSigningKey,
  type Log,
  type Route,
} from '@tandem/service'
import { INTERNAL_VERSIONS, limits } from '@tandem/wire'
import { arithmetic } from '../compute/arithmetic.ts'
import { type Arrival, listenForSockets } from '../server.ts'
import type { Sigpair } from '../start.ts'
import { COMMITTEE, dialMember } from './channel-ws.ts'
import type { Member } from './ask-all.ts'
import type { GatewayConfig } from './config.ts'
import type { Gateway } from './gateway.ts'
import { askMember } from './member-call.ts'
import { reachOf } from './reach.ts'
import { relay } from './relay.ts'
import { gatewayRoutes } from './routes.ts'

/** What a listener gives back. */
type Listener = { readonly url: string; readonly close: (graceMs: number) => Promise<void> }

type Parts = { readonly config: GatewayConfig; readonly log: Log; readonly drain: Drain }

/**
 * Starts a gateway: listeners, and ways to the members. It has nothing to open and nothing to keep.
 *
 * @throws {Error} if a port is taken, the key file is wrong, or the known answers of the protocol do not come out
 */
export async function startGateway(config: GatewayConfig): Promise<Sigpair> {
  const parts = { config, log: createLog({ name: 'gateway', level: config.logLevel }), drain: createDrain() }
  const { log } = parts
  const gateway = await openGateway(parts)
  const listeners: Listener[] = []
  const close = async () => {
    await Promise.all(listeners.map((listener) => listener.close(config.deadlines.drainMs)))
  }
  try {
    const devices = config.role === 'internal' ? undefined : await serveDevices(parts)
    if (devices) listeners.push(devices)
    const internal = config.role === 'device' ? undefined : await serveInternal(parts, gateway)
    if (internal) listeners.push(internal)
    log.info({ event: 'started', url: devices?.url, internalUrl: internal?.url, kid: gateway.key.kid })
    return { url: devices?.url, internalUrl: internal?.url, close }
  } catch (cause) {
    await close()
    throw cause
  }
}

async function openGateway({ config, log, drain }: Parts): Promise<Gateway> {
  const { members, threshold, signingKeyFile, keysAreMounted, deadlines } = config
  const { callMs, ownCallMs, patienceMs } = deadlines
  return {
    sizes: { threshold, members: members.length },
    members: members.map(({ internalUrl: url }, at) => {
      return attended(log, at + 1, async (call) => {
        const timeoutMs = call.isOwn === true ? ownCallMs : callMs
        return drain.track(askMember({ index: at + 1, url, timeoutMs }, call))
      })
    }),
    committee: { threshold, nodes: members.map(({ publicKey, identity }) => ({ publicKey, identity })) },
    key: await loadOrCreateSigningKey(signingKeyFile, keysAreMounted),
    backend: arithmetic().backend,
    patienceMs,
    log,
  }
}

/** Notes once that a member falls silent, and once that it is heard again. */
function attended(log: Log, index: number, ask: Member['ask']): Member {
  let silent = false
  return {
    isSilent: () => silent,
    ask: async (call) => {
      const word = await ask(call)
      if (word.said === 'nothing' && !silent) log.warn({ event: 'member-silent', index, cause: word.cause })
      if (word.said !== 'nothing' && silent) log.info({ event: 'member-heard', index })
      silent = word.said === 'nothing'
      return word
    },
  }
}

async function serveDevices({ config, log, drain }: Parts): Promise<Listener> {
  const { host, port, hosts, origins, proxies, bounds, deadlines, members, threshold } = config
  const reached = reachOf(members.map(({ url }) => url))
  const deps = {
    members: members.length,
    threshold,
    reached,
    deadlines,
    log,
    dial: (index: number, arrival: Arrival) =>
      dialMember(`${members[index - 1]?.url}/v1/${arrival.operation}`, arrival, deadlines.legMs),
  }
  const options = {
    name: 'gateway',
    ...{ host, port, bounds, drain },
    rules: { hosts, origins, proxies },
    http: handle(healthOf(reached, config, drain), { log, hosts, origins, drain }),
  }
  return listenForSockets({ ...options, serve: async (device, arrival) => relay(deps, device, arrival) }, COMMITTEE)
}

async function serveInternal({ config, log, drain }: Parts, gateway: Gateway): Promise<Listener> {
  const { internalHost: host, internalPort: port, hosts, members } = config
  const reached = reachOf(members.map(({ internalUrl }) => internalUrl))
  const routes = [...healthOf(reached, config, drain), ...gatewayRoutes(gateway)]
  const name = 'gateway (internal)'
  const deps = { log, hosts, versions: INTERNAL_VERSIONS, drain, deadlineMs: limits.GATEWAY_ANSWER_MS }
  const http = await listen(handle(routes, deps), { name, host, port })
  return { url: `http://${host}:${http.port}`, close: async (graceMs) => closeAfter(http, drain, graceMs) }
}

/** It may get work when enough members are there to do it. */
function healthOf(reached: () => Promise<readonly number[]>, { threshold }: GatewayConfig, drain: Drain): Route[] {
  const members = async () => {
    if ((await reached()).length < threshold) throw new Error('too few members are ready')
  }
  return healthRoutes({ members }, drain)
}
