import type { Log } from '@tandem/service'
import type { Store } from '@tandem/store'
import { maintenanceJob, type MaintenanceJob, type MaintenanceResponse } from '@tandem/wire'
import { z } from 'zod'

/** Everything a scheduler may ask for. */
export const jobName = z.enum([...maintenanceJob.options, 'sweep-backend', 'report-dead-letters'])
export type JobName = z.infer<typeof jobName>

/** How a job ended, or that it goes on by itself. */
export type JobOutcome = Pick<MaintenanceResponse, 'status' | 'failed'>

export type JobDeps = {
  readonly store: Pick<Store, 'sweep'>
  /** what duo-node and Sigpair do */
  readonly ask: (job: MaintenanceJob) => Promise<MaintenanceResponse>
  /** how many events were never delivered; a hundred may be more */
  readonly countDeadLetters: () => Promise<number>
  readonly log: Log
}

const DONE: JobOutcome = { status: 'done', failed: [] }

/** Each may be run at any moment, as often as anybody likes, by several at once. Source: docs/spec/events.md, section 7. */
export function jobs({
  store,
  ask,
  countDeadLetters,
  log,
}: JobDeps): Readonly<Record<JobName, () => Promise<JobOutcome>>> {
  return {
    'deliver-events': () => ask('deliver-events'),
    'sweep-keys': () => ask('sweep-keys'),
    'sign-checkpoints': () => ask('sign-checkpoints'),
    'sweep-backend': async () => {
      while ((await store.sweep()) > 0);
      return DONE
    },
    'report-dead-letters': async () => {
      const count = await countDeadLetters()
      if (count > 0) log.warn({ event: 'dead-letters', count })
      return DONE
    },
  }
}
