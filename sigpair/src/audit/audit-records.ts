import { type Ref, ref } from '@tandem/store'
import type { AuditCheckpoint } from '@tandem/wire'

/** Every kind of line. A name is never reused for something else. Source: docs/spec/audit.md 1.3. */
export const AUDIT_METHODS = [
  'keygen.begin',
  'keygen.stage',
  'keygen.complete',
  'keygen.fail',
  'keygen.commit',
  'rotate.begin',
  'rotate.stage',
  'rotate.backup',
  'rotate.complete',
  'key.rotate',
  'key.abort',
  'key.retire',
  'presign.create',
  'presign.reconcile',
  'sign.prepare',
  'sign.release',
  'sign.complete',
  'sign.prove',
  'sign.cancel',
  'sign.fail',
  'batch.prepare',
  'batch.release',
  'batch.complete',
  'batch.fail',
  'batch.cancel',
  'pair.strike',
  'pair.suspend',
  'pair.freeze',
  'pair.stale',
  'policy.change',
  'key.attest',
  'key.backup',
  'key.recovery-key',
  'key.drill',
  'key.export',
  'key.export-confirm',
  'key.export-cancel',
  'key.restore',
  'key.restore-confirm',
  'key.restore-cancel',
  'key.freeze',
  'key.delete',
  'dialogue.keygen',
  'dialogue.presign',
  'dialogue.sign',
  'dialogue.refresh',
  'dialogue.ecdh',
  'dialogue.recover',
] as const
export type AuditMethod = (typeof AUDIT_METHODS)[number]

/** What happened, as the code that did it says it. */
export type AuditEvent = {
  readonly method: AuditMethod
  /** who asked, as `issuer|subject`; absent for what Sigpair did by itself */
  readonly owner?: string | undefined
  /** the error the caller got; OK when absent */
  readonly code?: string | undefined
  readonly message?: string | undefined
  /** of a line that is delivered from the other database */
  readonly insertId?: string | undefined
  /** ms since 1970, if earlier than the writing */
  readonly at?: number | undefined
  readonly metadata?: Readonly<Record<string, string | number | boolean>> | undefined
}

/** presignatures/audit-heads/{keyId}: the end of the chain. */
export type AuditHeadRecord = {
  readonly keyId: string
  readonly seq: number
  /** 0x-hex */
  readonly hash: string
  /** insert ids of the last delivered lines, oldest first */
  readonly delivered: readonly string[]
}

/** presignatures/audit/{keyId}:{seq, 12 digits}: one line, never changed. */
export type AuditLineRecord = {
  /** canonical JSON, the very text that was hashed */
  readonly entry: string
  readonly prev: string
  readonly hash: string
}

/** parties/audit-outbox/{keyId}:{insert id}: written with a change in `parties`, gone once its line is in the chain. */
export type AuditOutboxRecord = { readonly keyId: string; readonly events: readonly AuditEvent[] }

const numbered = (keyId: string, seq: number) => `${keyId.toLowerCase()}:${String(seq).padStart(12, '0')}`

export const AUDIT_LINES = 'audit'
export const AUDIT_HEADS = 'audit-heads'
export const AUDIT_OUTBOX = 'audit-outbox'
export const AUDIT_CHECKPOINTS = 'audit-checkpoints'

export const auditHeadAt = (keyId: string): Ref<AuditHeadRecord> => ref(AUDIT_HEADS, keyId.toLowerCase())

export const auditLineAt = (keyId: string, seq: number): Ref<AuditLineRecord> => ref(AUDIT_LINES, numbered(keyId, seq))

export const auditOutboxAt = (keyId: string, insertId: string): Ref<AuditOutboxRecord> =>
  ref(AUDIT_OUTBOX, `${keyId.toLowerCase()}:${insertId}`)

export const auditCheckpointAt = (keyId: string, seq: number): Ref<AuditCheckpoint> =>
  ref(AUDIT_CHECKPOINTS, numbered(keyId, seq))
