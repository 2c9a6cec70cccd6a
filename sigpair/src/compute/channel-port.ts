import type { MessagePort } from 'node:worker_threads'
import type { Channel, Message } from '@tandem/rounds'
import type { Ending, Entry, FromWorker, ToWorker } from './port-messages.ts'

/** The worker's end of a dialogue: the device on the other side of the main thread, and its stores. */
export type DialoguePort = {
  readonly channel: Channel
  /** Resolves when the entry is durable; rejects if it could not be made so. */
  readonly record: (entry: Entry) => Promise<void>
  /** aborted when the main thread no longer wants the result */
  readonly signal: AbortSignal
  /** The last word. */
  readonly end: (ending: Ending) => void
}

type Waiting = { readonly resolve: (message: Message) => void }

export function dialoguePort(port: MessagePort): DialoguePort {
  const cancelled = new AbortController()
  const early: Message[] = []
  const requests = new Map<number, { readonly resolve: () => void; readonly reject: (error: Error) => void }>()
  let receiver: Waiting | undefined
  let lastRequest = 0
  const tell = (message: FromWorker) => port.postMessage(message)

  port.on('message', (said: ToWorker) => {
    if (said.kind === 'cancel') cancelled.abort()
    else if (said.kind === 'answer') {
      const request = requests.get(said.request)
      requests.delete(said.request)
      if (said.durable) request?.resolve()
      else request?.reject(new Error('not durable'))
    } else if (receiver) {
      receiver.resolve(said.message)
      receiver = undefined
    } else early.push(said.message) // the main thread bounds how far ahead a device may be
  })
  port.on('close', () => {
    cancelled.abort()
    for (const { reject } of requests.values()) reject(new Error('the main thread is gone'))
  })

  const receive = (signal: AbortSignal) =>
    new Promise<Message>((resolve, reject) => {
      const giveUp = () => {
        receiver = undefined
        reject(new Error('receive was given up'))
      }
      const message = early.shift()
      if (signal.aborted) return giveUp()
      if (message) return resolve(message)
      receiver = { resolve }
      signal.addEventListener('abort', giveUp, { once: true })
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
      receive: (_from, signal) => receive(signal),
    },
    record,
    signal: cancelled.signal,
    end: (ending) => tell({ kind: 'ended', ending }),
  }
}
