import { type Incoming, type Route, route } from '@tandem/service'
import { keyIdField, type PolicyResponse, policyResponse, setPolicyRequest } from '@tandem/wire'
import { z } from 'zod'
import { auditDenied } from '../audit/audit-denied.ts'
import { signedHead } from '../audit/audit-read.ts'
import type { SigpairIdentity } from '../keys/identity.ts'
import { type PolicyDeps, readPolicy, setPolicy } from './policy-change.ts'
import type { Stores } from '../stores.ts'

const params = z.strictObject({ keyId: keyIdField })

/** The policy of a key, for its owner. Source: docs/spec/policy.md. */
export function policyRoutes(
  { stores, policyDelayMs, identity }: PolicyDeps & { readonly stores: Stores; readonly identity: SigpairIdentity },
  caller: (incoming: Incoming) => Promise<string>,
): Route[] {
  const path = '/internal/keys/:keyId/policy'
  const withHead = async (keyId: string, answer: PolicyResponse): Promise<PolicyResponse> => {
    return { ...answer, audit: await signedHead({ stores, identity: identity.identity }, keyId) }
  }
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
        const changed = await auditDenied(stores, { method: 'policy.change', keyId, owner }, change)
        return { status: 200, body: await withHead(keyId, changed) }
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
        body: await withHead(keyId, await readPolicy(stores, keyId, owner)),
      }),
    }),
  ]
}
