import { auditPage, auditPageRequest, auditProof, auditProofParams, auditProofQuery } from '@tandem/wire'
import type { Served } from '../operation.ts'
import type { Operate } from '../routes.ts'

const tag = 'Audit'

/** Whose log it is, Sigpair decides: it owns the chain. */
export function auditRoutes(operate: Operate): readonly Served[] {
  return [
    operate({
      method: 'GET',
      path: '/api/v1/audit',
      tag,
      summary: 'What was done with a key of the caller’s, as a chain of hashes.',
      query: auditPageRequest,
      response: auditPage,
      handle: ({ caller, queryFields }, { endpoints }) => endpoints.readAudit(caller, queryFields),
    }),
    operate({
      method: 'GET',
      path: '/api/v1/audit/proof/:seq',
      tag,
      summary: 'One line, and those after it up to the next checkpoint that KMS has signed.',
      params: auditProofParams,
      query: auditProofQuery,
      response: auditProof,
      handle: ({ caller, params: { seq }, queryFields: { keyId } }, { endpoints }) =>
        endpoints.proveAudit(caller, keyId, seq),
    }),
  ]
}
