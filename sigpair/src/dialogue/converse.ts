import { setTimeout as delay } from 'node:timers/promises'
import type { Message } from '@tandem/rounds'
import type { Log } from '@tandem/service'
import { WireError } from '@tandem/wire'
import type { Link } from './link.ts'
import type { Operation } from './operation.ts'
import type { Pool } from '../compute/pool.ts'
import type { AbortFacts, Entry, Job } from '../compute/port-messages.ts'
import { startTask, type Task } from '../compute/task.ts'
import type { PeerSession } from '../member/rounds.ts'

export type Computing = { readonly pool: Pool; readonly log: Log }

/** Everybody a computation talks with: the device, and the other members where there are any. */
export type Company = { readonly device: Link; readonly peers?: PeerSession | undefined }

/** A device that keeps to the rounds has sent one message more than it was sent; one more may be in the air. */
const MAX_AHEAD = 2

/** A store that stumbles must not save a cheater. */
const ATTEMPTS = 3
const PAUSE_MS = 200

/**
 * The rounds of an operation, and the final acknowledgement in both directions. A party is a party: they differ in the
 * channel.
 *
 * @param deadline aborted when the dialogue has taken too long
 * @throws {WireError} `PROTOCOL_ABORTED` for every failed check, after its consequences are durable;
 *         `MPC_SIGNING_FAILED` naming the round in which somebody was silent; `FRAME_INVALID`, `FRAME_TOO_LARGE`;
 *         `UNAVAILABLE` for a member that cannot be reached
 * @throws {SocketLost} when the device has left
 */
export async function converse(
  { pool, log }: Computing,
  company: Company,
  operation: Operation,
  deadline: AbortSignal,
): Promise<void> {
  const { device, peers } = company
  try {
    const job = typeof operation.job === 'function' ? operation.job(await opened(device, deadline)) : operation.job
    await compute({ pool, log }, company, { ...operation, job }, deadline)
  } finally {
    device.end()
    peers?.end()
  }
}

/** What the device's owner has opened, which comes before everything else. */
async function opened(device: Link, deadline: AbortSignal): Promise<Uint8Array> {
  const heard = await before(deadline, device.hear(), 'Round 0')
  if (heard.said !== 'share') throw new WireError('FRAME_INVALID', 'out of turn')
  return heard.opened
}

async function compute(
  { pool, log }: Computing,
  { device, peers }: Company,
  operation: Operation & { readonly job: Job },
  deadline: AbortSignal,
): Promise<void> {
  const record = async (entry: Entry) => {
    await operation.record(entry)
    if (entry.entry === 'backup') device.sayBackup(entry.bytes)
  }
  const reach = reachOut({ device, peers })
  const task = startTask(pool, operation.job, { send: reach.send, record })
  const stored = Promise.race([hearOut(device, task), reach.lost])
  // A device that misbehaves or leaves, or a member that is gone, ends the computation; what it was is thrown below.
  stored.catch(task.cancel)
  peers?.hear(task.deliver)
  deadline.addEventListener('abort', task.cancel, { once: true })
  if (deadline.aborted) task.cancel()
  try {
    const ending = await task.ending
    if (ending.status === 'aborted') {
      const { abort } = ending
      await settle(operation, abort, log)
      if (abort.code === 'CANCELLED' && !deadline.aborted) await stored
      throw shownAbort(abort)
    }
    await before(deadline, stored, 'Acknowledgement')
    device.sayDone(await operation.finish(ending.certificate))
  } finally {
    deadline.removeEventListener('abort', task.cancel)
  }
}

/** Sends each message where it belongs. `lost` rejects when a member cannot be reached. */
function reachOut({ device, peers }: Company) {
  let lose: (cause: unknown) => void = () => {}
  const lost = new Promise<never>((_, reject) => {
    lose = reject
  })
  lost.catch(() => {})
  const send = (message: Message) => {
    if (message.to === device.device || !peers) device.send(message)
    else peers.send(message).catch(lose)
  }
  return { send, lost }
}

/** Hands the device's messages to the computation until the device says that it has stored its result. */
async function hearOut(device: Link, task: Task): Promise<void> {
  for (let heard = 1; ; heard++) {
    const frame = await device.hear()
    if (frame.said === 'stored') return
    if (frame.said === 'share') throw new WireError('FRAME_INVALID', 'out of turn')
    if (heard > task.sent(device.device) + MAX_AHEAD) throw new WireError('FRAME_INVALID', 'out of turn')
    task.deliver(device.device, frame.message)
  }
}

/** Makes the consequences of an abort durable, or says loudly that they are not; the device sees no difference. */
async function settle(operation: Operation, abort: AbortFacts, log: Log): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      await operation.aborted(abort)
      return
    } catch (err) {
      log.error({ event: 'verdict-not-recorded', attempt, verdict: abort.verdict, err })
      await delay(PAUSE_MS)
    }
  }
}

/** One constant for every cheat. Whoever is silent, or still talking at the deadline, hears in which round. */
function shownAbort(abort: AbortFacts): WireError {
  const late = abort.code === 'SILENT_PEER' || abort.code === 'CANCELLED'
  if (late) return new WireError('MPC_SIGNING_FAILED', `Round ${abort.round} timeout`, { cause: abort })
  return new WireError('PROTOCOL_ABORTED', undefined, { cause: abort })
}

/** What the device says, if it comes in time. */
async function before<T>(deadline: AbortSignal, work: Promise<T>, what: string): Promise<T> {
  let give: () => void = () => {}
  const late = new Promise<never>((_, reject) => {
    give = () => reject(new WireError('MPC_SIGNING_FAILED', `${what} timeout`))
    if (deadline.aborted) give()
    deadline.addEventListener('abort', give, { once: true })
  })
  try {
    return await Promise.race([work, late])
  } finally {
    deadline.removeEventListener('abort', give)
  }
}
