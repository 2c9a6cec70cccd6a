import { z } from 'zod'
import { hex, keyIdField } from './fields.ts'

/** Lower-case only: one text for one value, so that a hash over it is one hash. */
const digest = z.string().regex(/^0x[0-9a-f]{64}$/, '0x and 64 lower-case hex digits')
const sequence = z.int().min(1).max(999_999_999_999)

/** What happened, with the names of Cloud Audit Logs. Nothing in it is secret. Source: docs/spec/audit.md, section 1. */
export const auditEntry = z
  .strictObject({
    seq: sequence,
    /** RFC 3339, UTC, the writer's clock */
    timestamp: z.string().max(30),
    /** who wrote it: Sigpair what is done with a key, functions what concerns none */
    serviceName: z.enum(['sigpair', 'functions']),
    methodName: z.string().max(64),
    /** keys/{keyId}, or users/{user} */
    resourceName: z.string().max(80),
    /** SHA-256 of `issuer|subject`; `sigpair` for what it did by itself */
    authenticationInfo: z.strictObject({ principalSubject: z.string().max(66) }),
    /** OK, or the error the caller got */
    status: z.strictObject({ code: z.string().max(64), message: z.string().max(256).optional() }),
    /** names a line that was delivered from another database, so that it is written once */
    insertId: z.string().max(64).optional(),
    metadata: z.record(z.string().max(64), z.union([z.string().max(512), z.int(), z.boolean()])),
  })
  .meta({ id: 'AuditEntry' })
export type AuditEntry = z.infer<typeof auditEntry>

export const auditLine = z.strictObject({ entry: auditEntry, prev: digest, hash: digest }).meta({ id: 'AuditLine' })
export type AuditLine = z.infer<typeof auditLine>

/** The end of a chain, signed by Sigpair's identity. Whoever keeps the last one sees when a tail was cut. */
export const auditHead = z
  .strictObject({ keyId: keyIdField, seq: z.int().min(0), hash: digest, signature: hex(64) })
  .meta({ id: 'AuditHead' })
export type AuditHead = z.infer<typeof auditHead>

/** The end of a user's own chain, signed by the backend's service key. */
export const userAuditHead = z
  .strictObject({ user: digest, seq: z.int().min(0), hash: digest, signature: hex(64) })
  .meta({ id: 'UserAuditHead' })
export type UserAuditHead = z.infer<typeof userAuditHead>

/** A chain's hash at some time, signed by a key that never leaves the KMS. */
export const auditCheckpoint = z
  .strictObject({
    keyId: keyIdField,
    seq: sequence,
    hash: digest,
    timestamp: z.string().max(30),
    /** full name of the KMS key version */
    kmsKey: z.string().max(512),
    /** ECDSA P-256 over SHA-256 of the checkpoint's bytes, DER, 0x-hex */
    signature: z.string().regex(/^0x([0-9a-f]{2}){8,80}$/, 'a DER signature'),
  })
  .meta({ id: 'AuditCheckpoint' })
export type AuditCheckpoint = z.infer<typeof auditCheckpoint>

export const MAX_AUDIT_PAGE = 200

/** GET /internal/audit */
export const auditQuery = z.strictObject({
  keyId: keyIdField,
  /** the last seq the caller has */
  after: z.coerce.number().int().min(0).max(999_999_999_999).default(0),
  limit: z.coerce.number().int().min(1).max(MAX_AUDIT_PAGE).default(50),
})

export type AuditQuery = z.infer<typeof auditQuery>

/** GET /api/v1/audit: of a key, or without one of the caller's own chain */
export const auditPageRequest = auditQuery.extend({ keyId: keyIdField.optional() })
export type AuditPageRequest = z.infer<typeof auditPageRequest>

export const auditPage = z
  .strictObject({
    lines: z.array(auditLine).max(MAX_AUDIT_PAGE),
    head: auditHead,
    /** the newest checkpoint that these lines reach */
    checkpoint: auditCheckpoint.optional(),
    /** pass as `after`; absent on the last page */
    next: sequence.optional(),
  })
  .meta({ id: 'AuditPage' })
export type AuditPage = z.infer<typeof auditPage>

export const userAuditPage = auditPage
  .omit({ checkpoint: true })
  .extend({ head: userAuditHead })
  .meta({ id: 'UserAuditPage' })
export type UserAuditPage = z.infer<typeof userAuditPage>

/** GET /internal/audit/proof/:seq?keyId */
export const auditProofQuery = z.strictObject({ keyId: keyIdField })

/** GET /api/v1/audit/proof/:seq?keyId */
export const auditProofRequest = auditProofQuery.partial()
export const auditProofParams = z.strictObject({ seq: z.string().regex(/^[1-9][0-9]{0,11}$/, 'a line number') })

/** From one line to the first checkpoint at or after it: whoever hashes the lines in order arrives at what the KMS signed. */
export const auditProof = z
  .strictObject({
    /** the line asked for first; at most a page, the rest is had by paging */
    lines: z.array(auditLine).min(1).max(MAX_AUDIT_PAGE),
    head: auditHead,
    checkpoint: auditCheckpoint.optional(),
  })
  .meta({ id: 'AuditProof' })
export type AuditProof = z.infer<typeof auditProof>

export const userAuditProof = auditProof
  .omit({ checkpoint: true })
  .extend({ head: userAuditHead })
  .meta({ id: 'UserAuditProof' })
export type UserAuditProof = z.infer<typeof userAuditProof>
