import { type Answer, bearerToken, type Caller, type Incoming, idempotent, type Route, route } from '@tandem/service'
import {
  cloudPublicKeyResponse,
  createProfileRequest,
  createProfileResponse,
  prepareTransactionRequest,
  prepareTransactionResponse,
  profileIdField,
  profileResponse,
  profilesResponse,
  sessionIdField,
  signMessageRequest,
  signMessageResponse,
  signRequest,
  signResponse,
  ticketRequest,
  ticketResponse,
  transactionResponse,
} from '@tandem/wire'
import { z } from 'zod'
import { cloudPublicKey } from './http/cloud-public-key.ts'
import { createProfile } from './http/create-profile.ts'
import { getTransaction } from './http/get-transaction.ts'
import { issueTicket } from './http/issue-ticket.ts'
import { prepareTransaction } from './http/prepare-transaction.ts'
import { getProfile, listProfiles } from './http/profiles.ts'
import { sign } from './http/sign.ts'
import { signMessage } from './http/sign-message.ts'
import type { Parts } from './parts.ts'

type Open = () => Promise<Parts>

/** Every endpoint of the backend, and what it takes and answers. Source: docs/spec/flows.md. */
export function apiRoutes(parts: Open): Route[] {
  return [...mpcRoutes(parts), ...profileRoutes(parts), ...transactionRoutes(parts)]
}

const profileParams = z.strictObject({ id: profileIdField })
const sessionParams = z.strictObject({ sessionId: sessionIdField })

function mpcRoutes(parts: Open): Route[] {
  const caller = authenticated(parts)
  return [
    route({
      method: 'GET',
      path: '/api/v1/mpc/cloud-public-key',
      caller,
      response: cloudPublicKeyResponse,
      handle: async () => ok(await cloudPublicKey((await parts()).endpoints)()),
    }),
    route({
      method: 'POST',
      path: '/api/v1/mpc/tickets',
      caller,
      body: ticketRequest,
      response: ticketResponse,
      // Repeating costs another ticket, and a stored ticket is one more to lose: no idempotency key.
      handle: async (call) => ok(await issueTicket((await parts()).endpoints)(call.caller, call.body)),
    }),
    route({
      method: 'POST',
      path: '/api/v1/mpc/sign',
      caller,
      body: signRequest,
      response: signResponse,
      handle: (call) => repeatable(parts, call, ({ endpoints }) => sign(endpoints)(call.caller, call.body)),
    }),
    route({
      method: 'POST',
      path: '/api/v1/mpc/sign-message',
      caller,
      body: signMessageRequest,
      response: signMessageResponse,
      handle: (call) =>
        repeatable(parts, call, ({ endpoints }) => signMessage(endpoints.messages)(call.caller, call.body)),
    }),
  ]
}

function profileRoutes(parts: Open): Route[] {
  const caller = authenticated(parts)
  return [
    route({
      method: 'POST',
      path: '/api/v2/profiles',
      caller,
      body: createProfileRequest,
      response: createProfileResponse,
      handle: async (call) => ({
        ...(await repeatable(parts, call, ({ endpoints }) => createProfile(endpoints)(call.caller, call.body))),
        status: 201,
      }),
    }),
    route({
      method: 'GET',
      path: '/api/v1/profiles',
      caller,
      response: profilesResponse,
      handle: async (call) => ok(await listProfiles((await parts()).endpoints)(call.caller)),
    }),
    route({
      method: 'GET',
      path: '/api/v1/profiles/:id',
      caller,
      params: profileParams,
      response: profileResponse,
      handle: async (call) => ok(await getProfile((await parts()).endpoints)(call.caller, call.params.id)),
    }),
  ]
}

function transactionRoutes(parts: Open): Route[] {
  const caller = authenticated(parts)
  return [
    route({
      method: 'POST',
      path: '/api/v1/profiles/:id/transactions',
      caller,
      params: profileParams,
      body: prepareTransactionRequest,
      response: prepareTransactionResponse,
      handle: (call) =>
        repeatable(parts, call, ({ endpoints }) =>
          prepareTransaction(endpoints)(call.caller, call.params.id, call.body),
        ),
    }),
    route({
      method: 'GET',
      path: '/api/v1/transactions/:sessionId',
      caller,
      params: sessionParams,
      response: transactionResponse,
      handle: async (call) => ok(await getTransaction((await parts()).endpoints)(call.caller, call.params.sessionId)),
    }),
  ]
}

/** The user whose token came with the request. @throws {WireError} `UNAUTHENTICATED` */
function authenticated(parts: Open) {
  return async ({ headers }: Incoming): Promise<Caller> => {
    const token = bearerToken(headers.authorization)
    return (await parts()).verifyUser(token)
  }
}

/** Answers a repetition with the same `Idempotency-Key` as it answered the first. */
async function repeatable(
  parts: Open,
  call: Incoming & { readonly caller: Caller },
  work: (parts: Parts) => Promise<object>,
): Promise<Answer> {
  const opened = await parts()
  return idempotent(opened.store, { ...call, user: call.caller.sub }, async () => ok(await work(opened)))
}

const ok = (body: object): Answer => ({ status: 200, body })
