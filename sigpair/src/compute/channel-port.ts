import type { MessagePort } from 'node:worker_threads'
import type { Channel, Message, PartyIndex } from '@tandem/rounds'
import type { Ending, Entry, FromWorker, ToWorker } from './port-messages.ts'

/** The worker's end of a dialogue: the peers on the other side of the main thread, and its stores. */
export type DialoguePort = {
  readonly channel: Channel
  /** Resolves when the entry is durable; rejects if it could not be made so. */
  readonly record: (entry: Entry) => Promise<void>
  /** aborted when the main thread no longer wants the result */
  readonly signal: AbortSignal
  /** The last word. */
  readonly end: (ending: Ending) => void
}

/** What may wait of one sender. The main thread bounds how far ahead a device may be; of a member, the rest is dropped. */
const MAX_AHEAD = 16

/** What each sender has sent and the run has not asked for. */
type Senders = {
  readonly early: Map<PartyIndex, Message[]>
  readonly waiting: Map<PartyIndex, (message: Message) => void>
}

export function dialoguePort(port: MessagePort): DialoguePort {
  const cancelled = new AbortController()
  const senders: Senders = { early: new Map(), waiting: new Map() }
  const requests = new Map<number, { readonly resolve: () => void; readonly reject: (error: Error) => void }>()
  let lastRequest = 0
  const tell = (message: FromWorker) => port.postMessage(message)

  port.on('message', (said: ToWorker) => {
    if (said.kind === 'cancel') cancelled.abort()
    else if (said.kind === 'answer') {
      const request = requests.get(said.request)
      requests.delete(said.request)
      if (said.durable) request?.resolve()
      else request?.reject(new Error('not durable'))
    } else deliver(senders, said.by, said.message)
  })
  port.on('close', () => {
    cancelled.abort()
    for (const { reject } of requests.values()) reject(new Error('the main thread is gone'))
  })

  const record = (entry: Entry) =>
    new Promise<void>((resolve, reject) => {
      const request = ++lastRequest
      requests.set(request, { resolve, reject })
      tell({ kind: 'request', request, entry })
    })
  return {
    channel: {
      send: async (message) => tell({ kind: 'message', message }),
      receive: (from, signal) => receive(senders, from, signal),
    },
    record,
    signal: cancelled.signal,
    end: (ending) => tell({ kind: 'ended', ending }),
  }
}

function deliver({ early, waiting }: Senders, by: PartyIndex, message: Message): void {
  const receiver = waiting.get(by)
  if (receiver) {
    waiting.delete(by)
    return receiver(message)
  }
  const queue = early.get(by) ?? []
  if (queue.length < MAX_AHEAD) early.set(by, [...queue, message])
}

async function receive({ early, waiting }: Senders, from: PartyIndex, signal: AbortSignal): Promise<Message> {
  return new Promise<Message>((resolve, reject) => {
    const giveUp = () => {
      waiting.delete(from)
      reject(new Error('receive was given up'))
    }
    const message = early.get(from)?.shift()
    if (signal.aborted) return giveUp()
    if (message) return resolve(message)
    signal.addEventListener('abort', giveUp, { once: true })
    waiting.set(from, (next) => {
      signal.removeEventListener('abort', giveUp)
      resolve(next)
    })
  })
}
