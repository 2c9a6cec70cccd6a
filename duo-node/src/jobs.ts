import { atMost, type Incoming, NoAnswer, parseJson, type Route, route } from '@tandem/service'
import {
  type MaintenanceJob,
  maintenanceJob,
  type MaintenanceResponse,
  maintenanceResponse,
  sigpairJob,
  WireError,
} from '@tandem/wire'
import { z } from 'zod'
import type { SigpairOptions } from './sigpair.ts'
import { systemCalls } from './system-call.ts'

export type JobDeps = {
  readonly sigpair: SigpairOptions
  /** one look for events; resolves when all that may be sent now was tried */
  readonly deliver: () => Promise<void>
  /** @throws {WireError} unless the caller is the backend, in nobody's name */
  readonly caller: (incoming: Incoming) => Promise<void>
}

/** The backend has a deadline, and so has who asked it. */
const WAIT_MS = 8_000

/** Sigpair answers within eight seconds, whatever it has to do. */
const CALL_MS = 10_000

/** What a scheduler asks for, through the backend. Source: docs/spec/events.md, section 7. */
export function jobRoutes({ sigpair, deliver, caller }: JobDeps): Route[] {
  const ask = systemCalls({ ...sigpair, timeoutMs: CALL_MS })
  const run = async (job: MaintenanceJob): Promise<MaintenanceResponse> => {
    const { success: isSigpairs } = sigpairJob.safeParse(job)
    if (isSigpairs) {
      const { body } = await ask({ method: 'POST', path: `/internal/maintenance/${job}` })
      return maintenanceResponse.parse(parseJson(body))
    }
    const delivered = await atMost(
      WAIT_MS,
      deliver().then(() => true),
    )
    return { job, status: delivered ? 'done' : 'running', failed: [] }
  }
  return [
    route({
      method: 'POST',
      path: '/admin/jobs/:job',
      caller,
      params: z.strictObject({ job: maintenanceJob }),
      response: maintenanceResponse,
      handle: async ({ params: { job } }) => ({ status: 200, body: await run(job).catch(unavailable) }),
    }),
  ]
}

function unavailable(cause: unknown): never {
  if (cause instanceof NoAnswer) throw new WireError('UNAVAILABLE', 'Sigpair does not answer', { cause })
  throw cause
}
