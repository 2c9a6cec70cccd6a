import { sha256 } from '@noble/hashes/sha2.js'
import { canonicalJson, utf8 } from './canonical.ts'
import { fromHex, toHex } from './encoding.ts'
import type { AuditEntry, AuditHead, AuditLine, UserAuditHead } from './api-audit.ts'

/** What stands before the first entry of every chain. */
export const AUDIT_START = `0x${'00'.repeat(32)}`

/** SHA-256("mpc-audit/1\n" ‖ previous hash ‖ canonical JSON of the entry), 0x-hex. Source: docs/spec/audit.md 2.2. */
export function auditHash(prev: string, entry: AuditEntry): string {
  return toHex(sha256(joined(utf8('mpc-audit/1\n'), fromHex(prev), utf8(canonicalJson(entry)))))
}

/** What Sigpair's identity (Ed25519) signs over the head of a chain. Source: docs/spec/audit.md 3.1. */
export function auditHeadBytes({ keyId, seq, hash }: Pick<AuditHead, 'keyId' | 'seq' | 'hash'>): Uint8Array {
  return utf8(`tandem/audit-head/v1\n${canonicalJson({ keyId, seq, hash })}`)
}

/** What the backend's service key (Ed25519) signs over the head of a user's own chain. Source: docs/spec/audit.md 6.2. */
export function userAuditHeadBytes({ user, seq, hash }: Pick<UserAuditHead, 'user' | 'seq' | 'hash'>): Uint8Array {
  return utf8(`tandem/user-audit-head/v1\n${canonicalJson({ user, seq, hash })}`)
}

/** What the KMS key signs in a checkpoint. Source: docs/spec/audit.md 3.2. */
export function auditCheckpointBytes(at: {
  readonly keyId: string
  readonly seq: number
  readonly hash: string
  readonly timestamp: string
}): Uint8Array {
  const { keyId, seq, hash, timestamp } = at
  return utf8(`tandem/audit-checkpoint/v1\n${canonicalJson({ keyId, seq, hash, timestamp })}`)
}

/** The first line of a log that is not what was written, and what is wrong with it. */
export type AuditBreak = { readonly index: number; readonly seq: number; readonly reason: string }

/**
 * Whether these lines follow one another without a change, a gap or a swap.
 *
 * @param lines of one key or one user, in order
 * @param after what the first line must follow; the start of the chain when absent
 * @returns the first break, or undefined
 *
 * Source: docs/spec/audit.md, section 4.
 */
export function firstAuditBreak(
  lines: readonly AuditLine[],
  after: { readonly seq: number; readonly hash: string } = { seq: 0, hash: AUDIT_START },
): AuditBreak | undefined {
  let { seq, hash } = after
  const resource = lines[0]?.entry.resourceName
  for (const [index, line] of lines.entries()) {
    seq += 1
    const reason = wrongWith(line, seq, hash, resource)
    if (reason !== undefined) return { index, seq, reason }
    hash = line.hash
  }
  return undefined
}

function wrongWith({ entry, prev, hash }: AuditLine, seq: number, before: string, resource: string | undefined) {
  if (entry.seq !== seq) return `line ${entry.seq} stands where ${seq} belongs`
  if (entry.resourceName !== resource) return 'of another chain'
  if (prev !== before) return 'does not follow the line before it'
  if (auditHash(prev, entry) !== hash) return 'its content is not what its hash says'
  return undefined
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
