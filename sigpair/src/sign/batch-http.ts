import type { Backend } from '@tandem/ecdsa'
import type { Rng } from '@tandem/rounds'
import { type Incoming, type Route, route } from '@tandem/service'
import {
  batchIdField,
  cancelBatchRequest,
  cancelBatchResponse,
  completeBatchRequest,
  type CompleteBatchResponse,
  completeBatchResponse,
  type PrepareBatchRequest,
  type PrepareBatchResponse,
  prepareBatchRequest,
  prepareBatchResponse,
  toHex,
} from '@tandem/wire'
import { z } from 'zod'
import { auditDenied } from '../audit/audit-denied.ts'
import { signedHead } from '../audit/audit-read.ts'
import type { SigpairIdentity } from '../keys/identity.ts'
import type { Stores } from '../stores.ts'
import { cancelBatch } from './batch-cancel.ts'
import { prepareBatch } from './batch-prepare.ts'
import { type BatchCompletion, completeBatch } from './batch-sign.ts'
import { partsOf } from './session-store.ts'
import type { CompleteSignature } from './sign-session.ts'

export type BatchRouteDeps = {
  readonly stores: Stores
  readonly identity: SigpairIdentity
  readonly backend: Backend
  /** hedged; draws ρ_S */
  readonly rng: Rng
  readonly complete: CompleteSignature
  /** absent in a pair */
  readonly asMember?: object | undefined
}

/** Many sessions of a key that are signed together. Source: docs/spec/flows.md, section 15. */
export function batchRoutes(deps: BatchRouteDeps, caller: (incoming: Incoming) => Promise<string>): Route[] {
  return [
    route({
      method: 'POST',
      path: '/internal/batches',
      caller,
      body: prepareBatchRequest,
      response: prepareBatchResponse,
      handle: async (call) => ({ status: 200, body: await prepareAndTell(deps, call.caller, call.body) }),
    }),
    route({
      method: 'POST',
      path: '/internal/batches/:batchId/cancel',
      caller,
      params: z.strictObject({ batchId: batchIdField }),
      body: cancelBatchRequest,
      response: cancelBatchResponse,
      handle: async ({ caller: owner, params, body: { keyId } }) => {
        const cancel = async () => cancelBatch(deps.stores, { keyId, ...params, owner })
        await auditDenied(deps.stores, { method: 'batch.cancel', keyId, owner }, cancel)
        return { status: 200, body: {} }
      },
    }),
  ]
}

/** In a pair. A member answers otherwise: `memberRoutes`. */
export function batchCompletion(deps: BatchRouteDeps, caller: (incoming: Incoming) => Promise<string>): Route {
  return route({
    method: 'POST',
    path: '/internal/batches/:batchId/complete',
    caller,
    params: z.strictObject({ batchId: batchIdField }),
    body: completeBatchRequest,
    response: completeBatchResponse,
    handle: async ({ caller: owner, params, body }) => ({
      status: 200,
      body: await completeAndTell(deps, { ...body, ...params, owner }),
    }),
  })
}

/** Everything that is asked for and refused leaves a line too. Spec: audit 1.4. */
async function prepareAndTell(
  { stores, backend, rng, asMember }: BatchRouteDeps,
  owner: string,
  request: PrepareBatchRequest,
): Promise<PrepareBatchResponse> {
  const attempt = { method: 'batch.prepare' as const, keyId: request.keyId, owner }
  const sessions = await auditDenied(stores, attempt, async () =>
    prepareBatch(stores, { backend, rng, isMember: asMember !== undefined }, owner, request),
  )
  return {
    sessions: sessions.map((session) => {
      const { sessionId, digest, rhoS } = session
      return { sessionId, digest: toHex(digest), rhoS: toHex(rhoS), ...partsOf(session) }
    }),
    expiresAt: Math.floor(Math.min(...sessions.map(({ expiresAt }) => expiresAt)) / 1000),
  }
}

async function completeAndTell(
  { stores, complete, identity }: BatchRouteDeps,
  asked: BatchCompletion,
): Promise<CompleteBatchResponse> {
  const { keyId, owner } = asked
  const attempt = { method: 'batch.release' as const, keyId, owner }
  const signed = await auditDenied(stores, attempt, async () => completeBatch(stores, complete, asked))
  return {
    signatures: signed.map(({ sessionId, digest, signature }) => ({
      sessionId,
      digest: toHex(digest),
      signature: toHex(signature),
    })),
    audit: await signedHead({ stores, identity: identity.identity }, keyId),
  }
}
