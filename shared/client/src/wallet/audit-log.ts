import { AUDIT_START, type AuditHead, type AuditLine, firstAuditBreak } from '@tandem/wire'
import { type AuditHeads, rolledBack } from '../audit-heads.ts'
import type { Device } from '../device.ts'
import type { Wallet } from './create-wallet.ts'

/** Where a page ends. */
type End = { readonly seq: number; readonly hash: string }

/**
 * The log of a wallet's key, from its first line, every one of which has been verified: that none is missing, changed or out of
 * place, that its end is the one Sigpair has signed, and that the end this device knew before is in it.
 *
 * @throws {TandemError} `AUDIT_ROLLED_BACK` naming the line
 *
 * Source: docs/spec/audit.md, sections 3 and 4.
 */
export async function readAuditLog({ api }: Device, heads: AuditHeads, { keyId }: Wallet): Promise<AuditLine[]> {
  const before = await heads.known()
  const known = before.get(keyId.toLowerCase())
  const lines: AuditLine[] = []
  let end: End = { seq: 0, hash: AUDIT_START }
  for (;;) {
    const page = await api.audit(keyId, end.seq)
    const broken = firstAuditBreak(page.lines, end)
    if (broken) throw rolledBack(`line ${broken.seq}: ${broken.reason}`)
    lines.push(...page.lines)
    end = { seq: lines.length, hash: lines.at(-1)?.hash ?? AUDIT_START }
    if (page.next !== undefined && page.lines.length > 0) continue
    await heads.check(before, page.head)
    checkEnd(lines, end, keyId, page.head)
    if (known && known.hash !== hashAt(lines, known.seq))
      throw rolledBack(`line ${known.seq} is another one than before`)
    return lines
  }
}

/** The head was signed before its page was read, so there may be more lines than it names; not fewer. */
function checkEnd(lines: readonly AuditLine[], end: End, keyId: string, head: AuditHead): void {
  if (head.keyId !== keyId.toLowerCase()) throw rolledBack('the end of another key’s log')
  if (head.seq > end.seq) throw rolledBack(`line ${end.seq + 1} is missing`)
  if (hashAt(lines, head.seq) !== head.hash) throw rolledBack(`line ${head.seq} is not the one that was signed`)
  if (lines.some(({ entry }) => entry.resourceName !== `keys/${head.keyId}`)) throw rolledBack('a line of another key')
}

const hashAt = (lines: readonly AuditLine[], seq: number) => (seq === 0 ? AUDIT_START : lines[seq - 1]?.hash)
