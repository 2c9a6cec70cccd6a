import { AUDIT_START, type AuditBreak, type AuditHead, type AuditLine, firstAuditBreak } from '@tandem/wire'
import { type AuditHeads, rolledBack } from '../audit-heads.ts'
import type { Device } from '../device.ts'
import { TandemError } from '../errors.ts'
import type { Wallet } from './create-wallet.ts'

/** Where a page ends. */
type End = { readonly seq: number; readonly hash: string }

/** A member that goes away while its log is read is not the end of it: the next one's is read from its beginning. */
const MAX_READINGS = 3

/**
 * The log of a wallet's key, from its first line, every one of which has been verified: that none is missing, changed or out of
 * place, that its end is the one Sigpair has signed, and that the end this device knew before is in it. Beside a committee it is
 * the log of one member.
 *
 * @throws {TandemError} `AUDIT_ROLLED_BACK` naming the line
 *
 * Source: docs/spec/audit.md, sections 3 and 4; gateway.md 4.8.
 */
export async function readAuditLog(device: Device, heads: AuditHeads, wallet: Wallet): Promise<AuditLine[]> {
  for (let reading = 1; reading <= MAX_READINGS; reading++) {
    const lines = await readOneLog(device, heads, wallet)
    if (lines !== undefined) return lines
  }
  throw new TandemError('UNAVAILABLE', 'The members of the committee come and go; read the log again later.')
}

/** @returns undefined if another member went on where one had begun */
async function readOneLog({ api }: Device, heads: AuditHeads, { keyId }: Wallet): Promise<AuditLine[] | undefined> {
  const before = await heads.known()
  const lines: AuditLine[] = []
  let end: End = { seq: 0, hash: AUDIT_START }
  let writer: number | undefined
  for (;;) {
    const page = await api.audit(keyId, end.seq)
    const broken = firstAuditBreak(page.lines, end)
    if (broken && writer === undefined) throw brokenAt(broken)
    const checked = await heads.check(before, page.head)
    writer ??= checked.writer
    if (checked.writer !== writer) return undefined
    if (broken) throw brokenAt(broken)
    lines.push(...page.lines)
    end = { seq: lines.length, hash: lines.at(-1)?.hash ?? AUDIT_START }
    if (page.next !== undefined && page.lines.length > 0) continue
    checkEnd(lines, end, keyId, page.head)
    const { known } = checked
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

const brokenAt = ({ seq, reason }: AuditBreak) => rolledBack(`line ${seq}: ${reason}`)

const hashAt = (lines: readonly AuditLine[], seq: number) => (seq === 0 ? AUDIT_START : lines[seq - 1]?.hash)
