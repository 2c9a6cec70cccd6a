import { createLog, type Handler, handle, healthRoutes } from '@tandem/service'
import { limits } from '@tandem/wire'
import type { FunctionsConfig } from './config.ts'
import { withCors } from './cors.ts'
import type { Parts } from './parts.ts'
import { apiRoutes } from './routes.ts'

/** Signing waits for Sigpair and then for the chain; past this the caller repeats the request for its result. */
const DEADLINE_MS = limits.INTERNAL_CALL_MS + 4_000

/** Serves the backend. Nothing is opened, and nothing heavy loaded, before the first request needs it. */
export function createApi(config: FunctionsConfig): Handler {
  const log = createLog({ name: 'functions', level: config.logLevel })
  const parts = once(async () => (await import('./parts.ts')).openParts(config))
  const ready = healthRoutes({ store: async () => (await parts()).checkStore() })
  const routes = [...ready, ...apiRoutes(parts)]
  const deps = { log, hosts: config.hosts, origins: config.origins, deadlineMs: DEADLINE_MS }
  return withCors(handle(routes, deps), config.origins)
}

/** Opens once; a failure is forgotten, so that the next request tries again. */
function once(open: () => Promise<Parts>): () => Promise<Parts> {
  let opened: Promise<Parts> | undefined
  return () => {
    opened ??= open().catch((cause: unknown) => {
      opened = undefined
      throw cause
    })
    return opened
  }
}
