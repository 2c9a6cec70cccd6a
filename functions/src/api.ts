import { createLog, type Handler, handle, healthRoutes, projectOf, type Route } from '@tandem/service'
import { limits } from '@tandem/wire'
import type { FunctionsConfig } from './config.ts'
import { withCors } from './cors.ts'
import { webhookRoute } from './http/webhook.ts'
import type { Endpoints } from './endpoints.ts'
import type { Ports, Random } from './ports.ts'
import { apiRoutes } from './routes.ts'

/** Signing waits for Sigpair and then for the chain; past this the caller repeats the request for its result. */
const DEADLINE_MS = limits.INTERNAL_CALL_MS + 4_000

/** What the routes stand on, once somebody needed it. */
export type Opened = { readonly ports: Ports; readonly endpoints: Endpoints; readonly checkStore: () => Promise<void> }

/**
 * Serves the backend. Nothing is opened, and nothing heavy loaded, before the first request needs it.
 *
 * @param random instead of the CSPRNG: for a composition root that is no service
 */
export function createApi(config: FunctionsConfig, random?: Random): Handler {
  const { hosts, origins } = config
  const log = logOf(config)
  const opened = once(() => open(config, random))
  const deps = { log, hosts, origins, deadlineMs: DEADLINE_MS }
  return withCors(handle(routesOf(config, opened), deps), origins)
}

/** All that {@link createApi} serves; openapi.json describes each. */
export function routesOf(config: FunctionsConfig, opened: () => Promise<Opened>): readonly Route[] {
  const health = healthRoutes({ store: async () => (await opened()).checkStore() })
  return [...health, ...apiRoutes(opened).map(({ route }) => route), webhookOf(config, opened)]
}

/** Serves duo-node alone, for a deployment whose webhooks come in by another way than its users. */
export function createWebhooks(config: FunctionsConfig): Handler {
  const log = logOf(config)
  const opened = once(() => open(config))
  const health = healthRoutes({ store: async () => (await opened()).checkStore() })
  return handle([...health, webhookOf(config, opened)], { log, hosts: config.hosts })
}

function webhookOf({ webhookSecrets: secrets = [] }: FunctionsConfig, opened: () => Promise<Opened>) {
  return webhookRoute(async () => ({ secrets, apply: (await opened()).ports.keyStates.apply }))
}

/** Lines of functions, whichever of them writes. */
export const logOf = ({ logLevel: level, store }: FunctionsConfig) =>
  createLog({ name: 'functions', level, project: projectOf(store) })

async function open(config: FunctionsConfig, random?: Random): Promise<Opened> {
  const [{ openPorts, checkStore }, { connect }] = await Promise.all([import('./ports.ts'), import('./endpoints.ts')])
  const ports = await openPorts(config, random)
  return { ports, endpoints: connect(ports), checkStore: () => checkStore(ports) }
}

/** Opens once; a failure is forgotten, so that the next request tries again. */
function once<T>(act: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined
  return () => {
    opened ??= act().catch((cause: unknown) => {
      opened = undefined
      throw cause
    })
    return opened
  }
}
