import {
  batchIdField,
  batchOperationsRequest,
  batchOperationsResponse,
  batchResponse,
  batchSignRequest,
  batchSignResponse,
} from '@tandem/wire'
import { z } from 'zod'
import type { Served } from '../operation.ts'
import type { Operate } from '../routes.ts'

const tag = 'Transactions'
const params = z.strictObject({ batchId: batchIdField })

/** Source: docs/spec/flows.md, section 15. */
export function batchRoutes(operate: Operate): readonly Served[] {
  return [
    operate({
      method: 'POST',
      path: '/api/v1/batch/operations',
      tag,
      summary: 'Prepares up to fifty transactions in order, to be signed together within ten minutes.',
      body: batchOperationsRequest,
      response: batchOperationsResponse,
      repeats: 'answer',
      handle: ({ caller, body }, { endpoints }) => endpoints.batchOperations(caller, body),
    }),
    operate({
      method: 'POST',
      path: '/api/v1/mpc/batch-sign',
      tag: 'MPC',
      summary: 'Signs all transactions of a batch, or none, and sends nothing yet.',
      body: batchSignRequest,
      response: batchSignResponse,
      spends: { buckets: ['sign'], of: ({ body }) => ({ bucket: 'sign', what: body.batchId }) },
      repeats: 'answer',
      handle: ({ caller, body }, { endpoints }) => endpoints.batchSign(caller, body),
    }),
    operate({
      method: 'POST',
      path: '/api/v1/batch/:batchId/execute',
      tag,
      summary: 'Hands a signed batch to the chain in its order; repeated, it goes on where it stopped.',
      params,
      response: batchResponse,
      handle: ({ caller, params: { batchId } }, { endpoints }) => endpoints.batchExecute(caller, batchId),
    }),
    operate({
      method: 'GET',
      path: '/api/v1/batch/:batchId',
      tag,
      summary: 'Where each transaction of a batch is.',
      params,
      response: batchResponse,
      handle: ({ caller, params: { batchId } }, { endpoints }) => endpoints.getBatch(caller, batchId),
    }),
    operate({
      method: 'DELETE',
      path: '/api/v1/batch/:batchId',
      tag,
      summary: 'Gives up a batch that was not sent; its nonces are free.',
      params,
      response: batchResponse,
      handle: ({ caller, params: { batchId } }, { endpoints }) => endpoints.cancelBatch(caller, batchId),
    }),
  ]
}
