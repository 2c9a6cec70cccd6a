import { type Incoming, type Route, route } from '@tandem/service'
import { keyIdField, policyResponse, setPolicyRequest } from '@tandem/wire'
import { z } from 'zod'
import { auditDenied } from '../audit/audit-denied.ts'
import { type PolicyDeps, readPolicy, setPolicy } from './policy-change.ts'
import type { Stores } from '../stores.ts'

const params = z.strictObject({ keyId: keyIdField })

/** The policy of a key, for its owner. Source: docs/spec/policy.md. */
export function policyRoutes(
  { stores, policyDelayMs }: PolicyDeps & { readonly stores: Stores },
  caller: (incoming: Incoming) => Promise<string>,
): Route[] {
  const path = '/internal/keys/:keyId/policy'
  return [
    route({
      method: 'PUT',
      path,
      caller,
      params,
      body: setPolicyRequest,
      response: policyResponse,
      handle: async ({ caller: owner, params: { keyId }, body }) => {
        const change = async () => setPolicy(stores, { policyDelayMs }, owner, { keyId, ...body })
        return { status: 200, body: await auditDenied(stores, { method: 'policy.change', keyId, owner }, change) }
      },
    }),
    route({
      method: 'GET',
      path,
      caller,
      params,
      response: policyResponse,
      handle: async ({ caller: owner, params: { keyId } }) => ({
        status: 200,
        body: await readPolicy(stores, keyId, owner),
      }),
    }),
  ]
}
