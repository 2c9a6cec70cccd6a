import { policyResponse, profileIdField, putPolicyRequest } from '@tandem/wire'
import { z } from 'zod'
import type { Served } from '../operation.ts'
import type { Operate } from '../routes.ts'

const path = '/api/v1/profiles/:id/policy'
const tag = 'Wallets'
const params = z.strictObject({ id: profileIdField })

export function policyRoutes(operate: Operate): readonly Served[] {
  return [
    operate({
      method: 'GET',
      path,
      tag,
      summary: 'What Sigpair signs for this profile, and what it will.',
      params,
      response: policyResponse,
      handle: ({ caller, params: { id } }, { endpoints }) => endpoints.readPolicy(caller, id),
    }),
    operate({
      method: 'PUT',
      path,
      tag,
      summary:
        'Changes the policy: what tightens acts at once, anything else after a delay. Presignatures are consumed.',
      params,
      body: putPolicyRequest,
      response: policyResponse,
      spends: { buckets: ['key'], of: ({ body }) => ({ bucket: 'key', what: body.intent.nonce.toLowerCase() }) },
      repeats: 'answer',
      handle: ({ caller, params: { id }, body }, { endpoints }) => endpoints.setPolicy(caller, id, body),
    }),
  ]
}
