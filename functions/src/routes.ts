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
import type { Opened } from './api.ts'
import type { Endpoints } from './endpoints.ts'

type Open = () => Promise<Opened>

/** Every endpoint of the backend, and what it takes and answers. Source: docs/spec/flows.md. */
export function apiRoutes(opened: Open): Route[] {
  const api: Api = {
    caller: async ({ headers }) => {
      const token = bearerToken(headers.authorization)
      return (await opened()).ports.verifyUser(token)
    },
    answer: async (act) => ok(await act((await opened()).endpoints)),
    answerOnce: async (call, act) => {
      const { ports, endpoints } = await opened()
      return idempotent(ports.store, { ...call, user: call.caller.sub }, async () => ok(await act(endpoints)))
    },
  }
  return [...mpcRoutes(api), ...profileRoutes(api), ...transactionRoutes(api)]
}

type Act = (endpoints: Endpoints) => Promise<object>

type Api = {
  /** The user whose token came with the request. @throws {WireError} `UNAUTHENTICATED` */
  readonly caller: (incoming: Incoming) => Promise<Caller>
  readonly answer: (act: Act) => Promise<Answer>
  /** Answers a repetition with the same `Idempotency-Key` as it answered the first. */
  readonly answerOnce: (call: Incoming & { readonly caller: Caller }, act: Act) => Promise<Answer>
}

const ok = (body: object): Answer => ({ status: 200, body })

const profileParams = z.strictObject({ id: profileIdField })
const sessionParams = z.strictObject({ sessionId: sessionIdField })

function mpcRoutes({ caller, answer, answerOnce }: Api): Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/mpc/cloud-public-key',
      caller,
      response: cloudPublicKeyResponse,
      handle: () => answer((endpoints) => endpoints.cloudPublicKey()),
    }),
    route({
      method: 'POST',
      path: '/api/v1/mpc/tickets',
      caller,
      body: ticketRequest,
      response: ticketResponse,
      // Repeating costs another ticket, and a stored ticket is one more to lose: no idempotency key.
      handle: (call) => answer((endpoints) => endpoints.issueTicket(call.caller, call.body)),
    }),
    route({
      method: 'POST',
      path: '/api/v1/mpc/sign',
      caller,
      body: signRequest,
      response: signResponse,
      handle: (call) => answerOnce(call, (endpoints) => endpoints.sign(call.caller, call.body)),
    }),
    route({
      method: 'POST',
      path: '/api/v1/mpc/sign-message',
      caller,
      body: signMessageRequest,
      response: signMessageResponse,
      handle: (call) => answerOnce(call, (endpoints) => endpoints.signMessage(call.caller, call.body)),
    }),
  ]
}

function profileRoutes({ caller, answer, answerOnce }: Api): Route[] {
  return [
    route({
      method: 'POST',
      path: '/api/v2/profiles',
      caller,
      body: createProfileRequest,
      response: createProfileResponse,
      handle: async (call) => ({
        ...(await answerOnce(call, (endpoints) => endpoints.createProfile(call.caller, call.body))),
        status: 201,
      }),
    }),
    route({
      method: 'GET',
      path: '/api/v1/profiles',
      caller,
      response: profilesResponse,
      handle: (call) => answer((endpoints) => endpoints.listProfiles(call.caller)),
    }),
    route({
      method: 'GET',
      path: '/api/v1/profiles/:id',
      caller,
      params: profileParams,
      response: profileResponse,
      handle: (call) => answer((endpoints) => endpoints.getProfile(call.caller, call.params.id)),
    }),
  ]
}

function transactionRoutes({ caller, answer, answerOnce }: Api): Route[] {
  return [
    route({
      method: 'POST',
      path: '/api/v1/profiles/:id/transactions',
      caller,
      params: profileParams,
      body: prepareTransactionRequest,
      response: prepareTransactionResponse,
      handle: (call) =>
        answerOnce(call, (endpoints) => endpoints.prepareTransaction(call.caller, call.params.id, call.body)),
    }),
    route({
      method: 'GET',
      path: '/api/v1/transactions/:sessionId',
      caller,
      params: sessionParams,
      response: transactionResponse,
      handle: (call) => answer((endpoints) => endpoints.getTransaction(call.caller, call.params.sessionId)),
    }),
  ]
}
