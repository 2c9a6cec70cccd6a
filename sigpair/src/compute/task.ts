import { MessageChannel } from 'node:worker_threads'
import type { Message, PartyIndex } from '@tandem/rounds'
import { inThisScope } from '@tandem/service'
import type { Pool } from './pool.ts'
import type { Ending, Entry, FromWorker, Job, ToWorker } from './port-messages.ts'

/** What a dialogue's computation may do outside its thread. */
export type TaskHost = {
  readonly send: (message: Message) => void
  /** Resolves when the entry is durable; a rejection ends the computation. */
  readonly record: (entry: Entry) => Promise<void>
}

/** One dialogue's computation, running in a worker. */
export type Task = {
  /** `by`: who sent it */
  readonly deliver: (by: PartyIndex, message: Message) => void
  /** messages sent to this party so far: how far the rounds have come */
  readonly sent: (to: PartyIndex) => number
  readonly cancel: () => void
  /** How it ended. @throws what `record` threw, if that is what ended it */
  readonly ending: Promise<Exclude<Ending, { status: 'failed' }>>
}

export function startTask(pool: Pool, job: Job, host: TaskHost): Task {
  const { port1: port, port2 } = new MessageChannel()
  const tell = (message: ToWorker) => port.postMessage(message)
  const sent = new Map<PartyIndex, number>()
  let refusal: { readonly cause: unknown } | undefined

  const record = async (request: number, entry: Entry) => {
    try {
      await host.record(entry)
      tell({ kind: 'answer', request, durable: true })
    } catch (cause) {
      refusal ??= { cause }
      tell({ kind: 'answer', request, durable: false })
    }
  }
  const ended = new Promise<Ending>((resolve) => {
    const hear = (said: FromWorker) => {
      if (said.kind === 'request') void record(said.request, said.entry)
      else if (said.kind === 'ended') resolve(said.ending)
      else {
        sent.set(said.message.to, (sent.get(said.message.to) ?? 0) + 1)
        host.send(said.message)
      }
    }
    port.on('message', inThisScope(hear))
  })
  const finish = async () => {
    try {
      // The pool's own answer may overtake what the port still carries; it is awaited for a thread that dies.
      await pool.dialogue({ port: port2, job })
      const ending = await ended
      if (ending.status !== 'failed') return ending
      throw refusal ? refusal.cause : new Error(`the computation failed: ${ending.cause}`)
    } finally {
      port.close()
    }
  }
  return {
    deliver: (by, message) => tell({ kind: 'message', by, message }),
    sent: (to) => sent.get(to) ?? 0,
    cancel: () => tell({ kind: 'cancel' }),
    ending: finish(),
  }
}
