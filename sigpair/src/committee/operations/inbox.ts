import type { SignedMessage } from './evidence.ts'
import type { NodeName } from '../network.ts'

/**
 * Rounds and rehearsals that a peer may be ahead of us: a run has four rounds of one message, a rehearsal two, and there are
 * at most n(n−1)/2 rehearsals. What is beyond it is dropped: nobody honest is.
 */
const MAX_AHEAD = 16

/** What peers have sent in one session and the run has not asked for yet, in order for each peer. */
export type Inbox = {
  readonly deliver: (from: NodeName, message: SignedMessage) => void
  /** @throws {Error} once `signal` is aborted */
  readonly receive: (from: NodeName, signal: AbortSignal) => Promise<SignedMessage>
}

export function openInbox(): Inbox {
  const early = new Map<NodeName, SignedMessage[]>()
  const waiting = new Map<NodeName, (message: SignedMessage) => void>()
  return {
    deliver(from, message) {
      const wanted = waiting.get(from)
      if (wanted) {
        waiting.delete(from)
        return wanted(message)
      }
      const queue = early.get(from) ?? []
      if (queue.length < MAX_AHEAD) early.set(from, [...queue, message])
    },
    receive: (from, signal) =>
      new Promise((resolve, reject) => {
        const queue = early.get(from)
        const next = queue?.shift()
        if (next) return resolve(next)
        const giveUp = () => {
          waiting.delete(from)
          reject(new Error('receive was given up'))
        }
        if (signal.aborted) return giveUp()
        signal.addEventListener('abort', giveUp, { once: true })
        waiting.set(from, (message) => {
          signal.removeEventListener('abort', giveUp)
          resolve(message)
        })
      }),
  }
}
