import { createHash } from 'node:crypto'
import type { SigningKey } from '@tandem/service'
import { type Doc, type Ref, ref, type Store, type Transaction } from '@tandem/store'
import {
  AUDIT_START,
  type AuditEntry,
  auditHash,
  type AuditLine,
  canonicalJson,
  toHex,
  type UserAuditHead,
  userAuditHeadBytes,
  type UserAuditPage,
  type UserAuditProof,
  MAX_AUDIT_PAGE,
  WireError,
} from '@tandem/wire'

/** Every kind of line of a user's own chain: what concerns no key, which would be Sigpair's to write. Never reused. */
export const USER_AUDIT_METHODS = [
  'profile.create',
  'profile.rename',
  'profile.delete',
  'device.attest',
  'device.assert',
  'second-factor.enrol',
  'second-factor.confirm',
  'second-factor.add-passkey',
  'second-factor.recovery-code',
  'second-factor.recovery-codes',
  'second-factor.disable',
] as const

export type UserEvent = {
  readonly method: (typeof USER_AUDIT_METHODS)[number]
  /** ids and counts; never a secret, a code or a name */
  readonly metadata?: AuditEntry['metadata']
}

/** user-audit-heads/{user}: the end of the chain. */
type Head = { readonly seq: number; readonly hash: string }

/** user-audit/{user}:{seq, 12 digits}: one line, never changed. `entry` is the very text that was hashed. */
type Line = { readonly entry: string; readonly prev: string; readonly hash: string }

/** The end of a user's chain as a transaction found it. */
export type UserTail = { readonly owner: string; readonly head: Doc<Head> | undefined }

const LINES = 'user-audit'

/** The head is one hot document per user: for transactions that would not meet but for it. */
export const PATIENT = { maxAttempts: 32 }

/** A user in a log that is kept: linkable, not readable. */
const principalOf = (owner: string) => `0x${createHash('sha256').update(owner).digest('hex')}`

const headAt = (user: string): Ref<Head> => ref('user-audit-heads', user)
const lineAt = (user: string, seq: number): Ref<Line> => ref(LINES, `${user}:${String(seq).padStart(12, '0')}`)

/** Reads of a transaction come before its writes: this is the read of {@link appendUserAudit}. */
export async function readUserAudit(tx: Transaction, owner: string): Promise<UserTail> {
  return { owner, head: await tx.get(headAt(principalOf(owner))) }
}

/**
 * Adds a line in the transaction of the change it tells, so that neither is there without the other.
 *
 * @param now ms since 1970
 *
 * Source: docs/spec/audit.md, section 6.
 */
export function appendUserAudit(tx: Transaction, { owner, head }: UserTail, now: number, event: UserEvent): void {
  const user = principalOf(owner)
  const { seq: last, hash: prev } = head?.data ?? { seq: 0, hash: AUDIT_START }
  const seq = last + 1
  const entry: AuditEntry = {
    seq,
    timestamp: new Date(now).toISOString(),
    serviceName: 'functions',
    methodName: event.method,
    resourceName: `users/${user}`,
    authenticationInfo: { principalSubject: user },
    status: { code: 'OK' },
    metadata: event.metadata ?? {},
  }
  const hash = auditHash(prev, entry)
  tx.create(lineAt(user, seq), { entry: canonicalJson(entry), prev, hash })
  if (head) tx.update(headAt(user), { seq, hash })
  else tx.create(headAt(user), { seq, hash })
}

/** Reads a user's own chain. */
export type UserAudit = {
  readonly page: (owner: string, after: number, limit: number) => Promise<UserAuditPage>
  /** @throws {WireError} `NOT_FOUND` for no such line */
  readonly proof: (owner: string, seq: number) => Promise<UserAuditProof>
}

/** @param key signs heads */
export function userAudit(store: Store, key: SigningKey): UserAudit {
  const signedHead = async (owner: string): Promise<UserAuditHead> => {
    const user = principalOf(owner)
    const { seq, hash } = (await store.get(headAt(user)))?.data ?? { seq: 0, hash: AUDIT_START }
    const bytes = Uint8Array.from(userAuditHeadBytes({ user, seq, hash }))
    const signature = await crypto.subtle.sign('Ed25519', key.privateKey, bytes)
    return { user, seq, hash, signature: toHex(new Uint8Array(signature)) }
  }
  return {
    page: async (owner, after, limit) => {
      const head = await signedHead(owner)
      const { lines, next } = await linesAfter(store, head.user, after, limit)
      return { lines, head, ...(next && { next: lines.at(-1)?.entry.seq ?? after }) }
    },
    proof: async (owner, seq) => {
      const head = await signedHead(owner)
      const { lines } = await linesAfter(store, head.user, seq - 1, MAX_AUDIT_PAGE)
      if (lines.length === 0) throw new WireError('NOT_FOUND')
      return { lines, head }
    },
  }
}

async function linesAfter(store: Store, user: string, after: number, limit: number) {
  const query = { prefix: `${user}:`, limit, ...(after > 0 && { after: lineAt(user, after).id }) }
  const { docs, next } = await store.list<Line>(LINES, query)
  return { lines: docs.map(({ data }) => lineOf(data)), next }
}

/** The entry was written by this program, from this type. */
function lineOf({ entry, prev, hash }: Line): AuditLine {
  return { entry: JSON.parse(entry) as AuditEntry, prev, hash }
}
