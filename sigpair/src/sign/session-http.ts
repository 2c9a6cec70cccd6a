import type { Backend } from '@tandem/ecdsa'
import type { Rng } from '@tandem/rounds'
import { type Incoming, type Route, route } from '@tandem/service'
import {
  cancelSessionRequest,
  cancelSessionResponse,
  completeSessionRequest,
  type CompleteSessionResponse,
  completeSessionResponse,
  type PrepareSessionRequest,
  type PrepareSessionResponse,
  prepareSessionRequest,
  prepareSessionResponse,
  proveSessionRequest,
  proveSessionResponse,
  sessionIdField,
  toHex,
} from '@tandem/wire'
import { z } from 'zod'
import { auditDenied } from '../audit/audit-denied.ts'
import { signedHead } from '../audit/audit-read.ts'
import type { SigpairIdentity } from '../keys/identity.ts'
import type { Stores } from '../stores.ts'
import { cancelSession } from './cancel-session.ts'
import { proveSession } from './prove-session.ts'
import { partsOf, prepareSession } from './session-store.ts'
import { type CompleteSignature, type Completion, completeSession } from './sign-session.ts'

export type SessionRouteDeps = {
  readonly stores: Stores
  readonly identity: SigpairIdentity
  readonly backend: Backend
  /** hedged; draws ρ_S */
  readonly rng: Rng
  readonly complete: CompleteSignature
  /** absent in a pair */
  readonly asMember?: object | undefined
}

type CallerOf = (incoming: Incoming) => Promise<string>

const params = z.strictObject({ sessionId: sessionIdField })

/** What is to be signed, from its preparation to its end. Source: docs/spec/flows.md, sections 5 to 7. */
export function sessionRoutes(deps: SessionRouteDeps, caller: CallerOf): Route[] {
  return [
    route({
      method: 'POST',
      path: '/internal/sessions',
      caller,
      body: prepareSessionRequest,
      response: prepareSessionResponse,
      handle: async (call) => ({ status: 200, body: await prepareAndTell(deps, call.caller, call.body) }),
    }),
    ...markRoutes(deps, caller),
  ]
}

/** In a pair. A member answers otherwise: `memberRoutes`. */
export function sessionCompletion(deps: SessionRouteDeps, caller: CallerOf): Route {
  return route({
    method: 'POST',
    path: '/internal/sessions/:sessionId/complete',
    caller,
    params,
    body: completeSessionRequest,
    response: completeSessionResponse,
    handle: async ({ caller: owner, params: { sessionId }, body }) => ({
      status: 200,
      body: await completeAndTell(deps, { ...body, sessionId, owner }),
    }),
  })
}

/** What is noted on a session that is not signed yet. */
function markRoutes({ stores }: SessionRouteDeps, caller: CallerOf): Route[] {
  return [
    route({
      method: 'POST',
      path: '/internal/sessions/:sessionId/prove',
      caller,
      params,
      body: proveSessionRequest,
      response: proveSessionResponse,
      handle: async ({ caller: owner, params: { sessionId }, body: { keyId } }) => {
        const prove = async () => proveSession(stores, { keyId, sessionId, owner })
        await auditDenied(stores, { method: 'sign.prove', keyId, owner }, prove)
        return { status: 200, body: {} }
      },
    }),
    route({
      method: 'POST',
      path: '/internal/sessions/:sessionId/cancel',
      caller,
      params,
      body: cancelSessionRequest,
      response: cancelSessionResponse,
      handle: async ({ caller: owner, params: { sessionId }, body: { keyId } }) => {
        const cancel = async () => cancelSession(stores, { keyId, sessionId, owner })
        await auditDenied(stores, { method: 'sign.cancel', keyId, owner }, cancel)
        return { status: 200, body: {} }
      },
    }),
  ]
}

/** Everything that is asked for and refused leaves a line too. Spec: audit 1.4. */
async function prepareAndTell(
  { stores, backend, rng, asMember }: SessionRouteDeps,
  owner: string,
  request: PrepareSessionRequest,
): Promise<PrepareSessionResponse> {
  const prepare = async () => prepareSession(stores, { backend, rng, isMember: asMember !== undefined }, owner, request)
  const attempt = { method: 'sign.prepare' as const, keyId: request.keyId, owner }
  const session = await auditDenied(stores, attempt, prepare)
  const { digest, rhoS, expiresAt } = session
  return {
    digest: toHex(digest),
    rhoS: toHex(rhoS),
    ...partsOf(session),
    expiresAt: Math.floor(expiresAt / 1000),
  }
}

async function completeAndTell(
  { stores, complete, identity }: SessionRouteDeps,
  asked: Completion,
): Promise<CompleteSessionResponse> {
  const { keyId, owner } = asked
  const attempt = { method: 'sign.complete' as const, keyId, owner }
  const { digest, signature } = await auditDenied(stores, attempt, async () => completeSession(stores, complete, asked))
  const audit = await signedHead({ stores, identity: identity.identity }, keyId)
  return { digest: toHex(digest), signature: toHex(signature), audit }
}
