import {
  prepareTransactionRequest,
  prepareTransactionResponse,
  profileIdField,
  sessionIdField,
  transactionResponse,
} from '@tandem/wire'
import { z } from 'zod'
import type { Served } from '../operation.ts'
import type { Operate } from '../routes.ts'

export function transactionRoutes(operate: Operate): readonly Served[] {
  return [
    operate({
      method: 'POST',
      path: '/api/v1/profiles/:id/transactions',
      tag: 'Transactions',
      summary: 'Prepares a transaction: nonce, gas and fees filled in, good for ten minutes.',
      params: z.strictObject({ id: profileIdField }),
      body: prepareTransactionRequest,
      response: prepareTransactionResponse,
      repeats: 'answer',
      handle: ({ caller, params, body }, { endpoints }) => endpoints.prepareTransaction(caller, params.id, body),
    }),
    operate({
      method: 'GET',
      path: '/api/v1/transactions/:sessionId',
      tag: 'Transactions',
      summary: 'Where a transaction is. Once it was sent, the chain is asked each time.',
      params: z.strictObject({ sessionId: sessionIdField }),
      response: transactionResponse,
      handle: ({ caller, params }, { endpoints }) => endpoints.getTransaction(caller, params.sessionId),
    }),
    operate({
      method: 'DELETE',
      path: '/api/v1/transactions/:sessionId',
      tag: 'Transactions',
      summary: 'Gives a prepared transaction up: it is never signed, and its nonce is free at once.',
      params: z.strictObject({ sessionId: sessionIdField }),
      response: transactionResponse,
      handle: ({ caller, params }, { endpoints }) => endpoints.cancelTransaction(caller, params.sessionId),
    }),
  ]
}
