import { bearerToken, type Incoming, type Route, route, spendToken, verifyServiceToken } from '@tandem/service'
import {
  acknowledgeEventsRequest,
  acknowledgeEventsResponse,
  eventsQuery,
  eventsResponse,
  WireError,
} from '@tandem/wire'
import { acknowledgeEvents, acknowledgeEventsUpTo, listEvents } from './events.ts'
import { relayPairEvents } from './event-relay.ts'
import type { TrustedService } from '../internal/internal-auth.ts'
import type { Stores } from '../stores.ts'

export type EventRouteDeps = {
  readonly stores: Stores
  readonly duoNode: TrustedService
  /** others tell of the same keys, with numbers of their own */
  readonly amongOthers?: boolean
}

const PAGE = 100

/** What duo-node asks by itself, for no user: what happened. Source: docs/spec/events.md 3. */
export function eventRoutes({ stores, duoNode, amongOthers = false }: EventRouteDeps): Route[] {
  const caller = async (incoming: Incoming) => authenticateSystem(stores, duoNode, incoming)
  return [
    route({
      method: 'GET',
      path: '/internal/events',
      caller,
      query: eventsQuery,
      response: eventsResponse,
      handle: async ({ queryFields: { after, limit } }) => {
        if (after === undefined) await relayPairEvents(stores)
        return { status: 200, body: await listEvents(stores, { after, limit: Number(limit ?? PAGE) }) }
      },
    }),
    route({
      method: 'POST',
      path: '/internal/events/acknowledge',
      caller,
      body: acknowledgeEventsRequest,
      response: acknowledgeEventsResponse,
      handle: async ({ body }) => {
        await (amongOthers ? acknowledgeEventsUpTo : acknowledgeEvents)(stores, body)
        return { status: 200, body: { acknowledged: body.events.length } }
      },
    }),
  ]
}

/**
 * There is no user and no backend behind these calls, so duo-node's own token is enough, if it says so.
 *
 * @throws {WireError} `UNAUTHENTICATED`
 */
export async function authenticateSystem(
  { parties, now }: Stores,
  { issuer, keys }: TrustedService,
  { headers, method, target, rawBody }: Incoming,
): Promise<void> {
  const call = { method, path: target, body: rawBody }
  const rules = { from: keys, issuer, audience: 'sigpair' }
  const claims = await verifyServiceToken(bearerToken(headers.authorization), rules, call, now())
  if (claims.sub !== 'system') throw refused('the token is for a user')
  if (!(await spendToken(parties, claims))) throw refused('the token was used before')
}

function refused(reason: string): WireError {
  return new WireError('UNAUTHENTICATED', undefined, { cause: new Error(reason) })
}
