import { setTimeout as sleep } from 'node:timers/promises'
import { type Log, measure } from '@tandem/service'
import type { KeyEvent } from '@tandem/wire'
import type { EventSource } from './event-source.ts'

export type PumpDeps = {
  readonly source: Pick<EventSource, 'list'>
  /** the events of one key, by `seq` */
  readonly deliver: (keyId: string, events: readonly KeyEvent[]) => Promise<void>
  readonly pollMs: number
  readonly log: Log
  readonly signal: AbortSignal
}

/** Keys worked on at a time: a backend that is slow for one must not be slow for all. */
const AT_A_TIME = 8

/** Looks for events again and again until the signal; resolves when the last look has ended. Never rejects. */
export async function pump(deps: PumpDeps): Promise<void> {
  const { pollMs, log, signal } = deps
  while (!signal.aborted) {
    try {
      await pullOnce(deps)
    } catch (cause) {
      log.warn({ event: 'events.failed', cause })
    }
    await sleep(pollMs, undefined, { signal, ref: false }).catch(() => undefined)
  }
}

/** One look. Rejects when Sigpair cannot be asked; what the backend does not take is left to the next. */
export async function pullOnce({ source, deliver, log, signal }: Omit<PumpDeps, 'pollMs'>): Promise<void> {
  let after: string | undefined
  const begun = new Set<string>()
  let waiting = 0
  do {
    const page = await source.list(after)
    waiting += page.events.length
    // A key that goes on from the page before waits for the next look: what came first may have been held up.
    const keys = [...byKey(page.events)].filter(([keyId]) => !begun.has(keyId)).values()
    for (const { data } of page.events) begun.add(data.keyId)
    const work = async () => {
      for (const [keyId, events] of keys) {
        if (signal.aborted) return
        await deliver(keyId, events).catch((cause: unknown) => log.warn({ event: 'deliver.failed', keyId, cause }))
      }
    }
    await Promise.all(Array.from({ length: AT_A_TIME }, work))
    after = page.next
  } while (after !== undefined && !signal.aborted)
  measure('tandem.webhook.outbox', waiting)
}

function byKey(events: readonly KeyEvent[]): Map<string, KeyEvent[]> {
  const keys = new Map<string, KeyEvent[]>()
  for (const event of events) {
    const of = keys.get(event.data.keyId)
    if (of === undefined) keys.set(event.data.keyId, [event])
    else of.push(event)
  }
  return keys
}
