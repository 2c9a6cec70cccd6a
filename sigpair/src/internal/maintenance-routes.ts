import { atMost, type Route, route } from '@tandem/service'
import { maintenanceResponse, type SigpairJob, sigpairJob } from '@tandem/wire'
import { z } from 'zod'
import { authenticateSystem } from '../events/event-routes.ts'
import type { Stores } from '../stores.ts'
import type { TrustedService } from './internal-auth.ts'

/** What Sigpair does now and then by itself; each resolves to what of it has failed. All repeatable, by any instance. */
export type Maintenance = Readonly<Record<SigpairJob, () => Promise<readonly string[]>>>

export type MaintenanceDeps = {
  readonly stores: Stores
  readonly duoNode: TrustedService
  readonly maintenance: Maintenance
}

/** Whoever waits has a deadline too. */
const WAIT_MS = 8_000

/** For a deployment whose instances do not live long enough for their own timers. Source: docs/spec/events.md 7.2. */
export function maintenanceRoutes({ stores, duoNode, maintenance }: MaintenanceDeps): Route[] {
  const running = new Map<SigpairJob, Promise<readonly string[]>>()
  const run = (job: SigpairJob) => {
    const begun = running.get(job) ?? maintenance[job]()
    running.set(job, begun)
    const over = () => void running.delete(job)
    begun.then(over, over)
    return begun
  }
  return [
    route({
      method: 'POST',
      path: '/internal/maintenance/:job',
      caller: async (incoming) => authenticateSystem(stores, duoNode, incoming),
      params: z.strictObject({ job: sigpairJob }),
      response: maintenanceResponse,
      handle: async ({ params: { job } }) => {
        const failed = await atMost(WAIT_MS, run(job))
        return { status: 200, body: { job, status: failed ? 'done' : 'running', failed: failed ?? [] } }
      },
    }),
  ]
}
