import {
  backupRequest,
  backupResponse,
  drillRequest,
  drillResponse,
  freezeRequest,
  freezeResponse,
  profileIdField,
  recoveryKeyRequest,
  recoveryKeyResponse,
  rotateKeyRequest,
  rotateKeyResponse,
  stageParams,
  stageQuery,
  stageResponse,
} from '@tandem/wire'
import { z } from 'zod'
import type { Served } from '../operation.ts'
import type { Operate } from '../routes.ts'

const tag = 'MPC'

const STAGE = '/api/v1/mpc/keys/:keyId/stages/:stageId'

/** A key after its first commit. Spec: docs/spec/flows.md, 9, 10 and 13. */
export function keyRoutes(operate: Operate): readonly Served[] {
  return [...rotationRoutes(operate), ...backupRoutes(operate), freezeRoute(operate)]
}

function rotationRoutes(operate: Operate): readonly Served[] {
  return [
    operate({
      method: 'POST',
      path: '/api/v1/mpc/rotate-key',
      tag,
      summary:
        'Puts the shares that a refresh dialogue staged in force: same key, same address, the old shares are dead.',
      body: rotateKeyRequest,
      response: rotateKeyResponse,
      spends: { buckets: ['key'], of: ({ body }) => ({ bucket: 'key', what: body.stageId.toLowerCase() }) },
      repeats: 'answer',
      handle: ({ caller, body }, { endpoints }) => endpoints.rotateKey(caller, body),
    }),
    operate({
      method: 'GET',
      path: STAGE,
      tag,
      summary: 'What became of a staged epoch; what is final comes with Sigpair’s receipt.',
      params: stageParams,
      query: stageQuery,
      response: stageResponse,
      handle: ({ caller, params, queryFields: { epoch } }, { endpoints }) =>
        endpoints.readStage(caller, { ...params, epoch }),
    }),
    operate({
      method: 'DELETE',
      path: STAGE,
      tag,
      summary: 'Gives a staged epoch up, unless it is in force; answers what became of it.',
      params: stageParams,
      query: stageQuery,
      response: stageResponse,
      // Says the same again by itself: no idempotency key.
      handle: ({ caller, params, queryFields: { epoch } }, { endpoints }) =>
        endpoints.abortStage(caller, { ...params, epoch }),
    }),
  ]
}

function backupRoutes(operate: Operate): readonly Served[] {
  return [
    operate({
      method: 'POST',
      path: '/api/v1/mpc/backup',
      tag,
      summary: 'Sigpair’s share, encrypted to the owner’s recovery key, so that the device can verify it unopened.',
      body: backupRequest,
      response: backupResponse,
      spends: { buckets: ['backup'], of: ({ body }) => ({ bucket: 'backup', what: body.intent.nonce.toLowerCase() }) },
      repeats: 'sealed answer',
      handle: ({ caller, body }, { endpoints }) => endpoints.backUp(caller, body),
    }),
    operate({
      method: 'PUT',
      path: '/api/v1/profiles/:id/recovery-key',
      tag: 'Wallets',
      summary: 'Another recovery key, in force after a delay.',
      params: z.strictObject({ id: profileIdField }),
      body: recoveryKeyRequest,
      response: recoveryKeyResponse,
      spends: { buckets: ['key'], of: ({ body }) => ({ bucket: 'key', what: body.intent.nonce.toLowerCase() }) },
      repeats: 'answer',
      handle: ({ caller, params: { id }, body }, { endpoints }) => endpoints.replaceRecoveryKey(caller, id, body),
    }),
    operate({
      method: 'POST',
      path: '/api/v1/mpc/drill',
      tag,
      summary: 'Sigpair proves that it holds its half of the key, over a challenge. Nothing is signed.',
      body: drillRequest,
      response: drillResponse,
      spends: { buckets: ['tickets'], of: () => ({ bucket: 'tickets' }) },
      // Public, and another proof is as good: no idempotency key.
      handle: ({ caller, body }, { endpoints }) => endpoints.drill(caller, body),
    }),
  ]
}

function freezeRoute(operate: Operate): Served {
  return operate({
    method: 'POST',
    path: '/api/v1/mpc/freeze',
    tag,
    summary: 'Stops a key, from any session of its owner. Only rotate-key with repair starts it again.',
    body: freezeRequest,
    response: freezeResponse,
    spends: { buckets: ['key'], of: ({ body }) => ({ bucket: 'key', what: body.profileId }) },
    repeats: 'answer',
    handle: ({ caller, body }, { endpoints }) => endpoints.freeze(caller, body),
  })
}
