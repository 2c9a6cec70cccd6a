import { ed25519 } from '@noble/curves/ed25519.js'
import { type AuditHead, auditHead, auditHeadBytes, fromHex, fromUtf8, utf8 } from '@tandem/wire'
import { TandemError } from './errors.ts'
import type { Vault } from './vault/vault.ts'

const PREFIX = 'audit/'

/** The ends of audit chains, by key id, as they were at some moment. */
export type KnownHeads = ReadonlyMap<string, AuditHead>

/**
 * The newest end of each key's audit chain that this device has seen, kept in the vault. Sigpair signs one into most of its
 * answers; an answer whose chain is shorter than it was, or another one, comes from a server that has lost lines or hides some.
 *
 * Source: docs/spec/audit.md 3.4.
 */
export type AuditHeads = {
  /** before a request */
  known(): Promise<KnownHeads>
  /**
   * The head of its answer. Two requests at once may be answered in either order, so it is held to what was known before.
   *
   * @throws {TandemError} `AUDIT_ROLLED_BACK`; `ANSWER_REFUSED` without the pinned Sigpair's signature
   */
  check(before: KnownHeads, head: AuditHead): Promise<void>
}

/** @param identity of the pinned Sigpair, Ed25519 */
export function createAuditHeads(vault: Vault, identity: () => Promise<Uint8Array>): AuditHeads {
  let heads: Promise<KnownHeads> | undefined
  let turn: Promise<unknown> = Promise.resolve()
  const known = async () => {
    heads ??= load(vault).catch((error: unknown) => {
      heads = undefined
      throw error
    })
    return heads
  }
  const keep = async (head: AuditHead): Promise<void> => {
    const now = await known()
    const newest = now.get(head.keyId)
    if (newest) refuseContradiction(newest, head)
    if (newest && newest.seq >= head.seq) return
    await vault.put(PREFIX + head.keyId, utf8(JSON.stringify(head)))
    heads = Promise.resolve(new Map(now).set(head.keyId, head))
  }
  return {
    known,
    check: async (before, head) => {
      const signed = ed25519.verify(fromHex(head.signature), auditHeadBytes(head), await identity(), { zip215: false })
      if (!signed) throw new TandemError('ANSWER_REFUSED', 'The end of the log is not signed by the pinned Sigpair.')
      const earlier = before.get(head.keyId)
      if (earlier && head.seq < earlier.seq) throw rolledBack(`${head.seq} lines, and there were ${earlier.seq}`)
      // One after the other: what is written last must be the newest.
      turn = turn.then(async () => keep(head)).catch((error: unknown) => error)
      const failure = await turn
      if (failure instanceof Error) throw failure
    },
  }
}

/** The head in an answer that has passed its schema, if it brings one. */
export function headOf(answer: unknown): AuditHead | undefined {
  if (typeof answer !== 'object' || answer === null || !('audit' in answer)) return undefined
  return auditHead.safeParse(answer.audit).data
}

function refuseContradiction(known: AuditHead, head: AuditHead): void {
  if (known.seq === head.seq && known.hash !== head.hash)
    throw rolledBack(`line ${head.seq} is another one than before`)
}

async function load(vault: Vault): Promise<KnownHeads> {
  const names = await vault.list(PREFIX)
  const heads = await Promise.all(names.map(async (name) => read(await vault.get(name))))
  return new Map(heads.map((head) => [head.keyId, head]))
}

function read(bytes: Uint8Array | undefined): AuditHead {
  try {
    return auditHead.parse(JSON.parse(fromUtf8(bytes ?? new Uint8Array())))
  } catch (cause) {
    throw new TandemError('VAULT', 'What the vault knows of an audit log is damaged.', { cause })
  }
}

export function rolledBack(details: string): TandemError {
  const advice =
    'The server’s log of this wallet has lost lines that were there: do not use it, and ask its operator why.'
  return new TandemError('AUDIT_ROLLED_BACK', advice, { details })
}
