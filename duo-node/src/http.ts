import { bearerToken, type HttpAnswer, type Incoming, type Route } from '@tandem/service'
import type { BackendCall } from './forward.ts'
import { OPERATIONS } from './operations.ts'

type Forward = (call: BackendCall) => Promise<HttpAnswer>

/** The operations over HTTP: the same methods and paths as at Sigpair. */
export function operationRoutes(forward: Forward): Route[] {
  return Object.values(OPERATIONS).map(({ method, path }) => ({
    method,
    path,
    maxBytes: undefined,
    // The body is Sigpair's to read: here it stays the bytes that the backend's token is bound to.
    run: async (incoming) => {
      const { status, body } = await forward(callOf(incoming))
      return { status, body, headers: { 'content-type': 'application/json' } }
    },
  }))
}

export function callOf({ method, target, rawBody, headers }: Incoming): BackendCall {
  return { method, path: target, body: Uint8Array.from(rawBody), token: bearerToken(headers.authorization) }
}
