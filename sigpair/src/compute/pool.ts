import { availableParallelism } from 'node:os'
import type { MessagePort } from 'node:worker_threads'
import type { Backend } from '@tandem/ecdsa'
import { ProtocolAbort } from '@tandem/rounds'
import { Piscina } from 'piscina'
import type { Completion, Job, OnlinePart } from './port-messages.ts'
import type { ShareTasks } from './share-tasks.ts'
import type { CompleteSignature, ReleasePart } from '../sign/sign-session.ts'

/** Short tasks must find a place however many dialogues wait for silent devices. */
const SPARE_TASKS = 64

/** Beside this file: the source, or what infra/bundle made of it. */
const WORKER = import.meta.url.endsWith('.ts') ? './worker.ts' : './compute.js'

export type PoolOptions = {
  /** dialogues at once */
  readonly dialogues: number
  /** undefined: one per core but the one that serves sockets and stores */
  readonly threads?: number | undefined
  /** a thread ended that nobody waited for; another takes its place */
  readonly lost?: (cause: Error) => void
  /** another module with the tasks of worker.ts */
  readonly worker?: WorkerModule | undefined
}

/** A module that threads load, and what they find in `workerData`. */
export type WorkerModule = { readonly url: string; readonly data: unknown }

/** The threads that compute. A dialogue that waits for its device costs them memory, not time. */
export type Pool = {
  /** Which curve arithmetic they use. @throws {Error} if it does not give the known answers */
  readonly probe: () => Promise<Backend['name']>
  /** Resolves when the computation has said over `port` how it ended; rejects if its thread died. */
  readonly dialogue: (task: { readonly port: MessagePort; readonly job: Job }) => Promise<void>
  /**
   * Our share of a signature from a consumed presignature, added to the device's and verified.
   *
   * @returns r ‖ s ‖ recovery id, 65 bytes
   * @throws {ProtocolAbort} if the device's share is malformed or the sum is no signature
   */
  readonly completeSignature: CompleteSignature
  /** A member's part of a signature from a consumed presignature. @throws {Error} if the presignature is another one */
  readonly releasePart: ReleasePart
  readonly shareTasks: ShareTasks
  readonly close: () => Promise<void>
}

export function createPool(options: PoolOptions): Pool {
  const { dialogues, threads = Math.max(1, availableParallelism() - 1), lost = () => {}, worker } = options
  const pool = new Piscina({
    filename: worker?.url ?? new URL(WORKER, import.meta.url).href,
    workerData: worker?.data,
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: dialogues + SPARE_TASKS,
    // A thread asleep in Atomics.wait hears neither its ports nor its timers.
    atomics: 'disabled',
    // Only config.ts reads the environment.
    env: {},
  })
  pool.on('error', lost)
  return {
    probe: () => pool.run(undefined, { name: 'probe' }),
    dialogue: (task) => pool.run(task, { name: 'dialogue', transferList: [task.port, ...secretsOf(task.job)] }),
    completeSignature: async (job) => {
      const completion: Completion = await pool.run(job, {
        name: 'completeSignature',
        transferList: [job.presignature.buffer as ArrayBuffer],
      })
      if (completion.status === 'done') return completion.signature
      const { code, round, culprits } = completion.abort
      throw new ProtocolAbort(code, round, culprits)
    },
    releasePart: (job): Promise<OnlinePart> =>
      pool.run(job, { name: 'releasePart', transferList: [job.presignature.buffer as ArrayBuffer] }),
    shareTasks: {
      encryptShare: (job) => pool.run(job, { name: 'encryptShare', transferList: [job.share.buffer as ArrayBuffer] }),
      proveShare: (job) => pool.run(job, { name: 'proveShare', transferList: [job.share.buffer as ArrayBuffer] }),
      sealShare: (job) => pool.run(job, { name: 'sealShare', transferList: [job.share.buffer as ArrayBuffer] }),
    },
    close: () => pool.destroy(),
  }
}

/** Transferred, not copied: afterwards this thread holds no share. */
function secretsOf(job: Job): ArrayBuffer[] {
  if (job.op === 'keygen') return []
  const secrets = job.op === 'refresh' ? [job.share] : [job.key.share, ...job.key.pairs]
  return secrets.map((bytes) => bytes.buffer as ArrayBuffer)
}
