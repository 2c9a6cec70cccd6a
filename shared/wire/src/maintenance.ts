import { z } from 'zod'

/**
 * Work that is nobody's request. Sigpair and duo-node do it by themselves as long as they run; where instances come and go, a
 * scheduler asks for it. Source: docs/spec/events.md, section 7.
 */
export const maintenanceJob = z.enum(['deliver-events', 'sweep-keys', 'sign-checkpoints'])
export type MaintenanceJob = z.infer<typeof maintenanceJob>

/** What of it is Sigpair's. */
export const sigpairJob = maintenanceJob.extract(['sweep-keys', 'sign-checkpoints'])
export type SigpairJob = z.infer<typeof sigpairJob>

/** POST /internal/maintenance/:job at Sigpair, POST /admin/jobs/:job at duo-node */
export const maintenanceResponse = z.strictObject({
  job: maintenanceJob,
  /** running: it takes longer than anybody waits, and goes on */
  status: z.enum(['done', 'running']),
  /** parts of it that failed and are left to the next time */
  failed: z.array(z.string().max(64)).max(16),
})
export type MaintenanceResponse = z.infer<typeof maintenanceResponse>
