import type { Caller } from '@tandem/service'
import type { AuditPage, AuditPageRequest, AuditProof, AuditQuery, UserAuditPage, UserAuditProof } from '@tandem/wire'

export type ReadAuditDeps = {
  readonly readAudit: (caller: Caller, query: AuditQuery) => Promise<AuditPage>
  readonly readOwn: (owner: string, after: number, limit: number) => Promise<UserAuditPage>
}

/** GET /api/v1/audit. Whose key it is, Sigpair decides: it owns that chain. Spec: docs/spec/audit.md, sections 5 and 6. */
export const readAudit =
  ({ readAudit, readOwn }: ReadAuditDeps) =>
  async (caller: Caller, { keyId, after, limit }: AuditPageRequest): Promise<AuditPage | UserAuditPage> =>
    keyId === undefined ? readOwn(caller.sub, after, limit) : readAudit(caller, { keyId, after, limit })

export type ProveAuditDeps = {
  readonly proveAudit: (caller: Caller, keyId: string, seq: string) => Promise<AuditProof>
  readonly proveOwn: (owner: string, seq: number) => Promise<UserAuditProof>
}

/** GET /api/v1/audit/proof/:seq */
export const proveAudit =
  ({ proveAudit, proveOwn }: ProveAuditDeps) =>
  async (caller: Caller, seq: string, keyId: string | undefined): Promise<AuditProof | UserAuditProof> =>
    keyId === undefined ? proveOwn(caller.sub, Number(seq)) : proveAudit(caller, keyId, seq)
