import {
  cloudPublicKeyResponse,
  signMessageRequest,
  signMessageResponse,
  signRequest,
  signResponse,
  signTypedDataRequest,
  type TicketRequest,
  ticketRequest,
  ticketResponse,
} from '@tandem/wire'
import type { Spending } from '../charge.ts'
import type { Served } from '../operation.ts'
import type { Operate } from '../routes.ts'

/** Staging a new key or epoch costs Sigpair seconds of one core: fewer of these. */
const KEY_DIALOGUES: ReadonlySet<string> = new Set(['keygen', 'refresh', 'recover'])

/**
 * A dialogue that signs gives the device its signature whether or not it commits: it counts as one here, and its commit,
 * which names the same session, not again.
 */
function ticketSpendings({ body: { operation, sessionId } }: { readonly body: TicketRequest }): readonly Spending[] {
  if (KEY_DIALOGUES.has(operation)) return [{ bucket: 'key-tickets' }]
  const signs = operation === 'sign' && sessionId !== undefined
  return [{ bucket: 'tickets' }, ...(signs ? [{ bucket: 'sign' as const, what: sessionId }] : [])]
}

/** The second step signs; the first only asks. */
function signature({ body: { sessionId } }: { readonly body: { readonly sessionId?: string | undefined } }) {
  return sessionId === undefined ? [] : { bucket: 'sign' as const, what: sessionId }
}

export function mpcRoutes(operate: Operate): readonly Served[] {
  return [
    operate({
      method: 'GET',
      path: '/api/v1/mpc/cloud-public-key',
      tag: 'MPC',
      summary: 'Sigpair’s public keys. An app trusts the ones it was built with and uses this to notice others.',
      response: cloudPublicKeyResponse,
      handle: (_, { endpoints }) => endpoints.cloudPublicKey(),
    }),
    operate({
      method: 'POST',
      path: '/api/v1/mpc/tickets',
      tag: 'MPC',
      summary: 'Leave for one device to hold one WebSocket dialogue with Sigpair, within two minutes.',
      body: ticketRequest,
      response: ticketResponse,
      spends: {
        buckets: ['tickets', 'key-tickets', 'sign'],
        of: ticketSpendings,
      },
      // Repeating costs another ticket, and a stored ticket is one more to lose: no idempotency key.
      handle: ({ caller, body }, { endpoints }) => endpoints.issueTicket(caller, body),
    }),
    operate({
      method: 'POST',
      path: '/api/v1/mpc/sign',
      tag: 'MPC',
      summary: 'Signs a prepared transaction and hands it to the chain, once however often it is called.',
      body: signRequest,
      response: signResponse,
      spends: { buckets: ['sign'], of: ({ body }) => ({ bucket: 'sign', what: body.sessionId }) },
      repeats: 'answer',
      handle: ({ caller, body }, { endpoints }) => endpoints.sign(caller, body),
    }),
    operate({
      method: 'POST',
      path: '/api/v1/mpc/sign-message',
      tag: 'MPC',
      summary: 'EIP-191. Without sessionId prepares a text for signing; with it answers the signature.',
      body: signMessageRequest,
      response: signMessageResponse,
      spends: { buckets: ['sign'], of: signature },
      repeats: 'answer',
      handle: ({ caller, body }, { endpoints }) => endpoints.signMessage(caller, body),
    }),
    operate({
      method: 'POST',
      path: '/api/v1/mpc/sign-typed-data',
      tag: 'MPC',
      summary: 'EIP-712. Without sessionId prepares typed data for signing; with it answers the signature.',
      body: signTypedDataRequest,
      response: signMessageResponse,
      spends: { buckets: ['sign'], of: signature },
      repeats: 'answer',
      handle: ({ caller, body }, { endpoints }) => endpoints.signTypedData(caller, body),
    }),
  ]
}
