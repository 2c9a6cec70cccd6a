import { ed25519 } from '@noble/curves/ed25519.js'
import { type AuditHead, auditHead, auditHeadBytes, fromHex, fromUtf8, toHex, utf8 } from '@tandem/wire'
import { TandemError } from './errors.ts'
import { membersOf } from './members.ts'
import type { PinnedKeys } from './pin.ts'
import type { Vault } from './vault/vault.ts'

const PREFIX = 'audit/'

/** 0x and 16 hex digits tell members apart, and a file's name stays short. */
const WRITER_CHARS = 18

/** The ends of audit chains as they were at some moment: by key id, beside a committee by key id and who wrote the chain. */
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
   * @returns the end of the same chain that was known before, and the party whose chain it is
   * @throws {TandemError} `AUDIT_ROLLED_BACK`; `ANSWER_REFUSED` without the pinned Sigpair's signature, or a member's
   */
  check(before: KnownHeads, head: AuditHead): Promise<CheckedHead>
}

export type CheckedHead = { readonly known: AuditHead | undefined; readonly writer: number }

/** @param pinned Sigpair's keys, or the members': each has a chain of its own */
export function createAuditHeads(vault: Vault, pinned: () => Promise<PinnedKeys>): AuditHeads {
  let heads: Promise<KnownHeads> | undefined
  let turn: Promise<unknown> = Promise.resolve()
  const known = async () => {
    heads ??= load(vault).catch((error: unknown) => {
      heads = undefined
      throw error
    })
    return heads
  }
  const keep = async (name: string, head: AuditHead): Promise<void> => {
    const now = await known()
    const newest = now.get(name)
    if (newest) refuseContradiction(newest, head)
    if (newest && newest.seq >= head.seq) return
    await vault.put(PREFIX + name, utf8(JSON.stringify(head)))
    heads = Promise.resolve(new Map(now).set(name, head))
  }
  return {
    known,
    check: async (before, head) => {
      const keys = await pinned()
      const writer = membersOf(keys).find(({ identity }) => isSigned(head, identity))
      if (!writer) throw new TandemError('ANSWER_REFUSED', 'The end of the log is not signed by the pinned Sigpair.')
      const name =
        keys.committee === undefined ? head.keyId : `${head.keyId}/${toHex(writer.identity).slice(0, WRITER_CHARS)}`
      const earlier = before.get(name)
      if (earlier && head.seq < earlier.seq) throw rolledBack(`${head.seq} lines, and there were ${earlier.seq}`)
      // One after the other: what is written last must be the newest.
      turn = turn.then(async () => keep(name, head)).catch((error: unknown) => error)
      const failure = await turn
      if (failure instanceof Error) throw failure
      return { known: earlier, writer: writer.index }
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
  const heads = names.map(async (name) => [name.slice(PREFIX.length), read(await vault.get(name))] as const)
  return new Map(await Promise.all(heads))
}

function isSigned(head: AuditHead, identity: Uint8Array): boolean {
  return ed25519.verify(fromHex(head.signature), auditHeadBytes(head), identity, { zip215: false })
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
