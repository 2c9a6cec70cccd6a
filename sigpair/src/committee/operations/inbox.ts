import type { SignedMessage } from './evidence.ts'
import type { NodeName } from '../network.ts'

/**
 * Rounds and rehearsals that a peer may be ahead of us: a run has four rounds of one message, a rehearsal two, and there are
 * at most n(n−1)/2 rehearsals. What is beyond it is dropped: nobody honest is.
 */
const MAX_AHEAD = 16

/** What one peer may have us keep unasked, in all sessions: fifty keys at once need a fifth of it. */
const MAX_EARLY_BYTES = 32 * 1024 * 1024

/** How much each peer has us keep. */
export type Early = {
  /** @returns false if it is too much */
  readonly keep: (from: NodeName, bytes: number) => boolean
  readonly release: (from: NodeName, bytes: number) => void
}

export function openEarly(): Early {
  const kept = new Map<NodeName, number>()
  return {
    keep(from, bytes) {
      const now = (kept.get(from) ?? 0) + bytes
      if (now > MAX_EARLY_BYTES) return false
      kept.set(from, now)
      return true
    },
    release: (from, bytes) => void kept.set(from, (kept.get(from) ?? 0) - bytes),
  }
}

/** What peers have sent in one session and the run has not asked for yet, in order for each peer. */
export type Inbox = {
  readonly deliver: (from: NodeName, message: SignedMessage) => void
  /** @throws {Error} once `signal` is aborted */
  readonly receive: (from: NodeName, signal: AbortSignal) => Promise<SignedMessage>
  /** Nobody asks any more. */
  readonly close: () => void
}

export function openInbox(early: Early): Inbox {
  const queues = new Map<NodeName, SignedMessage[]>()
  const waiting = new Map<NodeName, (message: SignedMessage) => void>()
  let closed = false
  const take = (from: NodeName) => {
    const next = queues.get(from)?.shift()
    if (next) early.release(from, next.message.body.length)
    return next
  }
  return {
    deliver(from, message) {
      const wanted = waiting.get(from)
      if (wanted) {
        waiting.delete(from)
        return wanted(message)
      }
      const queue = queues.get(from) ?? []
      if (closed || queue.length >= MAX_AHEAD || !early.keep(from, message.message.body.length)) return
      queues.set(from, [...queue, message])
    },
    receive: (from, signal) =>
      new Promise((resolve, reject) => {
        const next = take(from)
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
    close() {
      closed = true
      for (const from of queues.keys()) while (take(from));
    },
  }
}
