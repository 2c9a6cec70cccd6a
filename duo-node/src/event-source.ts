import { callHttp, errorOfAnswer, type HttpAnswer, issueServiceToken, noIdentity, parseJson } from '@tandem/service'
import { acknowledgeEventsResponse, type EventsResponse, eventsResponse, type KeyEvent } from '@tandem/wire'
import type { SigpairOptions } from './sigpair.ts'

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
export function eventSource({ url, key, identity = noIdentity, timeoutMs = CALL_MS }: SigpairOptions): EventSource {
  const ask = async (method: string, path: string, json = ''): Promise<HttpAnswer> => {
    const body = Uint8Array.from(new TextEncoder().encode(json))
    const from = { issuer: 'duo-node', subject: 'system', audience: ['sigpair'] }
    const token = await issueServiceToken(key, from, { method, path, body })
    const type = json === '' ? {} : { 'content-type': 'application/json' }
    const headers = { ...(await identity(url)), authorization: `Bearer ${token}`, ...type }
    const answer = await callHttp({ url: `${url}${path}`, method, headers, body, timeoutMs })
    if (answer.status !== 200) throw errorOfAnswer(answer)
    return answer
  }
  return {
    list: async (after) => {
      const from = after === undefined ? '' : `&after=${encodeURIComponent(after)}`
      return eventsResponse.parse(parseJson((await ask('GET', `/internal/events?limit=${PAGE}${from}`)).body))
    },
    acknowledge: async (events) => {
      const named = events.map(({ data: { keyId, seq } }) => ({ keyId, seq }))
      const answer = await ask('POST', '/internal/events/acknowledge', JSON.stringify({ events: named }))
      acknowledgeEventsResponse.parse(parseJson(answer.body))
    },
  }
}
