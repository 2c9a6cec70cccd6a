import { type Incoming, type Route, route } from '@tandem/service'
import { auditPage, auditProof, auditProofParams, auditProofQuery, auditQuery } from '@tandem/wire'
import { type AuditReader, readAuditPage, readAuditProof } from './audit-read.ts'

/** The log of a key, for its owner. Source: docs/spec/audit.md, section 5. */
export function auditRoutes(reader: AuditReader, caller: (incoming: Incoming) => Promise<string>): Route[] {
  return [
    route({
      method: 'GET',
      path: '/internal/audit',
      caller,
      query: auditQuery,
      response: auditPage,
      handle: async ({ caller: owner, queryFields }) => ({
        status: 200,
        body: await readAuditPage(reader, owner, queryFields),
      }),
    }),
    route({
      method: 'GET',
      path: '/internal/audit/proof/:seq',
      caller,
      params: auditProofParams,
      query: auditProofQuery,
      response: auditProof,
      handle: async ({ caller: owner, params, queryFields: { keyId } }) => ({
        status: 200,
        body: await readAuditProof(reader, owner, { keyId, seq: Number(params.seq) }),
      }),
    }),
  ]
}
