import { parseJson } from '@tandem/service'
import { acknowledgeEventsResponse, type EventsResponse, eventsResponse, type KeyEvent } from '@tandem/wire'
import type { SigpairOptions } from './sigpair.ts'
import { systemCalls } from './system-call.ts'

/** Sigpair's outbox. Both throw when Sigpair does not answer, or not as agreed: it is asked again. */
export type EventSource = {
  /** @param after `next` of the page before */
  readonly list: (after?: string) => Promise<EventsResponse>
  /** at most {@link PAGE} */
  readonly acknowledge: (events: readonly KeyEvent[]) => Promise<void>
}

export const PAGE = 100

const CALL_MS = 5_000

/** Asks in nobody's name: what happened is not a user's question. Spec: docs/spec/events.md, section 3. */
export function eventSource(options: SigpairOptions): EventSource {
  const ask = systemCalls({ timeoutMs: CALL_MS, ...options })
  return {
    list: async (after) => {
      const from = after === undefined ? '' : `&after=${encodeURIComponent(after)}`
      return eventsResponse.parse(
        parseJson((await ask({ method: 'GET', path: `/internal/events?limit=${PAGE}${from}` })).body),
      )
    },
    acknowledge: async (events) => {
      const named = events.map(({ data: { keyId, seq } }) => ({ keyId, seq }))
      const answer = await ask({
        method: 'POST',
        path: '/internal/events/acknowledge',
        json: JSON.stringify({ events: named }),
      })
      acknowledgeEventsResponse.parse(parseJson(answer.body))
    },
  }
}
