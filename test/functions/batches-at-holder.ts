import { route, type Route } from '@tandem/service'
import {
  batchIdField,
  cancelBatchRequest,
  completeBatchRequest,
  type PrepareSessionRequest,
  prepareBatchRequest,
  toHex,
  WireError,
} from '@tandem/wire'
import { z } from 'zod'
import type { HeldKey } from './key-holder.ts'
import type { HolderDeps } from './keys-at-holder.ts'

type HeldSession = PrepareSessionRequest & { readonly digest: string }

/** What the holder of whole keys signs with. */
export type BatchHolderDeps = HolderDeps & {
  readonly digestOf: (request: PrepareSessionRequest) => string
  readonly signatureOf: (key: HeldKey, session: HeldSession) => string
}

type HeldBatch = { readonly owner: string; readonly sessions: readonly HeldSession[]; signatures?: readonly string[] }

/** Batches, as far as the backend can see of them. */
export function batchRoutesOf({ caller, owned, answered, digestOf, signatureOf }: BatchHolderDeps): readonly Route[] {
  const batches = new Map<string, HeldBatch>()
  return [
    route({
      method: 'POST',
      path: '/internal/batches',
      caller,
      body: prepareBatchRequest,
      handle: ({ body: { batchId, keyId, path, transactions }, caller: owner }) =>
        answered('prepare batch', () => {
          owned(keyId, owner)
          const sessions = transactions.map(({ sessionId, unsignedTx }) => {
            const request = { sessionId, keyId, path, payload: { kind: 'transaction' as const, unsignedTx } }
            return { ...request, digest: digestOf(request) }
          })
          batches.set(batchId, { owner, sessions })
          const rhoS = toHex(crypto.getRandomValues(new Uint8Array(32)))
          const named = sessions.map(({ sessionId, digest }) => ({ sessionId, digest, rhoS }))
          return { sessions: named, expiresAt: Math.floor(Date.now() / 1000) + 600 }
        }),
    }),
    route({
      method: 'POST',
      path: '/internal/batches/:batchId/cancel',
      caller,
      params: z.object({ batchId: batchIdField }),
      body: cancelBatchRequest,
      handle: ({ params: { batchId } }) =>
        answered('cancel batch', () => {
          const batch = batches.get(batchId)
          if (batch?.signatures !== undefined) throw new WireError('SESSION_CONSUMED')
          batches.delete(batchId)
          return {}
        }),
    }),
    route({
      method: 'POST',
      path: '/internal/batches/:batchId/complete',
      caller,
      params: z.object({ batchId: batchIdField }),
      body: completeBatchRequest,
      handle: ({ params: { batchId }, body, caller: owner }) =>
        answered(body.proven ? 'complete proven batch' : 'complete batch', () => {
          const batch = batches.get(batchId)
          if (batch?.owner !== owner) throw new WireError('NOT_FOUND')
          const { sessions } = batch
          if (batch.signatures === undefined && body.signatures?.length !== sessions.length)
            throw new WireError('VALIDATION_FAILED', 'signatures')
          batch.signatures ??= sessions.map((session) => signatureOf(owned(session.keyId, owner), session))
          const { signatures } = batch
          return {
            signatures: sessions.map(({ sessionId, digest }, i) => ({ sessionId, digest, signature: signatures[i] })),
          }
        }),
    }),
  ]
}
