import { atMost, type Handler, handle, healthRoutes, type Incoming, type Route, route } from '@tandem/service'
import { ref } from '@tandem/store'
import { WireError } from '@tandem/wire'
import { z } from 'zod'
import { logOf } from '../api.ts'
import type { FunctionsConfig } from '../config.ts'
import { schedulerOnly } from './caller.ts'
import { type JobName, jobName, type JobOutcome, jobs } from './jobs.ts'

/** Above what duo-node takes, below what the scheduler waits. */
const JOB_MS = 20_000
const DEADLINE_MS = JOB_MS + 2_000

export const jobResponse = z.strictObject({
  job: jobName,
  status: z.enum(['done', 'running']),
  failed: z.array(z.string()),
})

type Work = Readonly<Record<JobName, () => Promise<JobOutcome>>>

/** Serves the scheduler, and nobody else. Without `JOBS_CALLER` there are no jobs. */
export function createJobs(config: FunctionsConfig): Handler {
  const log = logOf(config)
  let opened: ReturnType<typeof open> | undefined
  const work = async () => {
    opened ??= open(config).catch((cause: unknown) => {
      opened = undefined
      throw cause
    })
    return opened
  }
  const health = healthRoutes({ store: async () => (await work()).checkStore() })
  const { jobsCaller } = config
  const served = jobsCaller === undefined ? [] : [jobRoute(schedulerOnly(jobsCaller), async () => (await work()).jobs)]
  return handle([...health, ...served], { log, hosts: config.hosts, deadlineMs: DEADLINE_MS })
}

/** POST /jobs/:job. Anything but 200 is asked for again by the scheduler. */
export function jobRoute(caller: (incoming: Incoming) => Promise<void>, work: () => Promise<Work>): Route {
  return route({
    method: 'POST',
    path: '/jobs/:job',
    caller,
    params: z.strictObject({ job: jobName }),
    response: jobResponse,
    handle: async ({ params: { job }, log }) => {
      const begun = performance.now()
      const { status, failed } = await run(job, (await work())[job], log)
      log.info({ event: 'job', job, status, failed, ms: Math.round(performance.now() - begun) })
      if (failed.length > 0) throw new WireError('UNAVAILABLE', `failed in part: ${failed.join(', ')}`.slice(0, 200))
      return { status: 200, body: { job, status, failed } }
    },
  })
}

async function run(job: JobName, act: () => Promise<JobOutcome>, log: Incoming['log']): Promise<JobOutcome> {
  try {
    return (await atMost(JOB_MS, act())) ?? { status: 'running', failed: [] }
  } catch (cause) {
    log.error({ event: 'job.failed', job, cause })
    throw new WireError('UNAVAILABLE', 'the job failed; ask again', { cause })
  }
}

async function open(
  config: FunctionsConfig,
): Promise<{ readonly jobs: Work; readonly checkStore: () => Promise<void> }> {
  const [{ openPorts }, { duoNodeAdmin }] = await Promise.all([
    import('../ports.ts'),
    import('../ports/duo-node-admin.ts'),
  ])
  const { store, key } = await openPorts(config)
  const admin = duoNodeAdmin({ url: config.duoNodeUrl, key, identity: config.identity })
  return {
    jobs: jobs({ store, log: logOf(config), ask: admin.runJob, countDeadLetters: admin.countDeadLetters }),
    checkStore: async () => void (await store.get(ref('health', 'probe'))),
  }
}
