import type { Backend } from '@tandem/ecdsa'
import { type Incoming, type Route, route } from '@tandem/service'
import {
  batchIdField,
  catchUpRequest,
  catchUpResponse,
  commitmentResponse,
  completeBatchRequest,
  completeSessionRequest,
  keepSignatureRequest,
  keepSignatureResponse,
  keepSignaturesRequest,
  keyParams,
  memberBatchCompletion,
  memberCompletion,
  sessionIdField,
  settleBatchRequest,
  settleBatchResponse,
  settleSessionRequest,
  settleSessionResponse,
  toHex,
} from '@tandem/wire'
import { z } from 'zod'
import { auditDenied } from '../audit/audit-denied.ts'
import type { TrustedService } from '../internal/internal-auth.ts'
import type { SigpairIdentity } from '../keys/identity.ts'
import type { ReleasePart } from '../sign/sign-session.ts'
import type { Stores } from '../stores.ts'
import { catchUp, commitmentOf } from './catch-up.ts'
import { completeBatchAsMember } from './complete-batch.ts'
import { completeAsMember } from './complete-session.ts'
import { authenticateGateway } from './gateway-auth.ts'
import { keepSignature, keepSignatures } from './keep-signature.ts'
import type { Member } from './member.ts'
import { settleBatch, settleSession } from './settle.ts'

/** What makes the internal API that of a member. */
export type AsMember = {
  readonly member: Member
  /** whose calls of its own are believed */
  readonly gateway: TrustedService
  readonly release: ReleasePart
}

type Deps = AsMember & {
  readonly stores: Stores
  readonly identity: SigpairIdentity
  readonly backend: Backend
}

type CallerOf = (incoming: Incoming) => Promise<string>

const sessionParams = z.strictObject({ sessionId: sessionIdField })
const batchParams = z.strictObject({ batchId: batchIdField })

const SESSION = '/internal/sessions/:sessionId'
const BATCH = '/internal/batches/:batchId'
const KEY = '/internal/keys/:keyId'

/** Where a member answers otherwise than a pair, and what a gateway asks of it. Source: docs/spec/gateway.md, section 4. */
export function memberRoutes(deps: Deps, caller: CallerOf): Route[] {
  const gateway = async (incoming: Incoming) => authenticateGateway(deps.stores, deps.gateway, incoming)
  return [
    ...completionRoutes(deps, caller),
    ...settleRoutes(deps, gateway),
    ...signatureRoutes(deps, gateway),
    ...catchUpRoutes(deps, gateway),
  ]
}

function completionRoutes({ stores, release }: Deps, caller: CallerOf): Route[] {
  return [
    route({
      method: 'POST',
      path: `${SESSION}/complete`,
      caller,
      params: sessionParams,
      body: completeSessionRequest,
      response: memberCompletion,
      handle: async ({ caller: owner, params, body }) => {
        const { keyId } = body
        const complete = async () => completeAsMember(stores, release, { ...body, ...params, owner })
        return { status: 200, body: await auditDenied(stores, { method: 'sign.complete', keyId, owner }, complete) }
      },
    }),
    route({
      method: 'POST',
      path: `${BATCH}/complete`,
      caller,
      params: batchParams,
      body: completeBatchRequest,
      response: memberBatchCompletion,
      handle: async ({ caller: owner, params, body }) => {
        const { keyId } = body
        const complete = async () => completeBatchAsMember(stores, release, { ...body, ...params, owner })
        const sessions = await auditDenied(stores, { method: 'batch.release', keyId, owner }, complete)
        return { status: 200, body: { sessions } }
      },
    }),
  ]
}

function settleRoutes({ stores, member: { self } }: Deps, caller: CallerOf): Route[] {
  return [
    route({
      method: 'POST',
      path: `${SESSION}/settle`,
      caller,
      params: sessionParams,
      body: settleSessionRequest,
      response: settleSessionResponse,
      handle: async ({ params, body }) => {
        const rhoS = await settleSession(stores, self, { ...params, ...body })
        return { status: 200, body: { rhoS: toHex(rhoS) } }
      },
    }),
    route({
      method: 'POST',
      path: `${BATCH}/settle`,
      caller,
      params: batchParams,
      body: settleBatchRequest,
      response: settleBatchResponse,
      handle: async ({ params, body }) => {
        const all = await settleBatch(stores, self, { ...params, ...body })
        const sessions = body.sessions.map(({ sessionId }, i) => ({
          sessionId,
          rhoS: toHex(all[i] ?? new Uint8Array()),
        }))
        return { status: 200, body: { sessions } }
      },
    }),
  ]
}

function signatureRoutes({ stores, backend }: Deps, caller: CallerOf): Route[] {
  return [
    route({
      method: 'POST',
      path: `${SESSION}/signature`,
      caller,
      params: sessionParams,
      body: keepSignatureRequest,
      response: keepSignatureResponse,
      handle: async ({ params, body }) => {
        await keepSignature(stores, backend, { ...params, ...body })
        return { status: 200, body: {} }
      },
    }),
    route({
      method: 'POST',
      path: `${BATCH}/signatures`,
      caller,
      params: batchParams,
      body: keepSignaturesRequest,
      response: keepSignatureResponse,
      handle: async ({ params, body }) => {
        await keepSignatures(stores, backend, { ...params, ...body })
        return { status: 200, body: {} }
      },
    }),
  ]
}

function catchUpRoutes(deps: Deps, caller: CallerOf): Route[] {
  const { stores } = deps
  return [
    route({
      method: 'GET',
      path: `${KEY}/commitment`,
      caller,
      params: keyParams,
      response: commitmentResponse,
      handle: async ({ params: { keyId } }) => ({ status: 200, body: await commitmentOf(stores, deps, keyId) }),
    }),
    route({
      method: 'POST',
      path: `${KEY}/catch-up`,
      caller,
      params: keyParams,
      body: catchUpRequest,
      response: catchUpResponse,
      handle: async ({ params, body }) => ({ status: 200, body: await catchUp(stores, deps, { ...params, ...body }) }),
    }),
  ]
}
