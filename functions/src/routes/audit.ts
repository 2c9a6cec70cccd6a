import {
  auditPage,
  auditPageRequest,
  auditProof,
  auditProofParams,
  auditProofRequest,
  userAuditPage,
  userAuditProof,
} from '@tandem/wire'
import { z } from 'zod'
import type { Served } from '../operation.ts'
import type { Operate } from '../routes.ts'

const tag = 'Audit'

export function auditRoutes(operate: Operate): readonly Served[] {
  return [
    operate({
      method: 'GET',
      path: '/api/v1/audit',
      tag,
      summary:
        'What was done with a key of the caller’s, as a chain of hashes; without keyId what he did beside his keys.',
      query: auditPageRequest,
      response: z.union([auditPage, userAuditPage]),
      handle: ({ caller, queryFields }, { endpoints }) => endpoints.readAudit(caller, queryFields),
    }),
    operate({
      method: 'GET',
      path: '/api/v1/audit/proof/:seq',
      tag,
      summary: 'One line, and those after it up to the next checkpoint that KMS has signed, or to the end.',
      params: auditProofParams,
      query: auditProofRequest,
      response: z.union([auditProof, userAuditProof]),
      handle: ({ caller, params: { seq }, queryFields: { keyId } }, { endpoints }) =>
        endpoints.proveAudit(caller, seq, keyId),
    }),
  ]
}
