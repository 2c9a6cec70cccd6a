import { fromHex, type StoredBackups, WireError } from '@tandem/wire'
import { sameBytes, taggedHash } from '../crypto/hash.ts'
import type { EpochRecord } from '../records.ts'

/**
 * The hash of our own backup as a commit confirms it. Beside a device each member is confirmed its own, and all of them the
 * whole: nobody commits over a backup that is another elsewhere.
 *
 * @param staged the epoch that is to come into force; absent for one that is in force already
 * @throws {WireError} `VALIDATION_FAILED` for a list that is not of this committee, or a whole that is not made of it
 *
 * Source: docs/spec/gateway.md 5.3.
 */
export function confirmedBackup(
  staged: Pick<EpochRecord, 'committee' | 'publicShares'> | undefined,
  { sigpair, nodes }: StoredBackups,
): Uint8Array | 'waived' {
  if (sigpair === 'waived') return 'waived'
  const whole = fromHex(sigpair)
  if (!staged?.committee) return whole
  const hashes = (nodes ?? []).map(fromHex)
  if (hashes.length !== staged.publicShares.length - 1) throw refused('one hash of each member')
  if (!sameBytes(taggedHash('backup/nodes', ...hashes), whole)) throw refused('not the hash of nodes') // check L12
  return hashes[staged.committee.self - 1] ?? new Uint8Array()
}

function refused(what: string): WireError {
  return new WireError('VALIDATION_FAILED', `backups.nodes: ${what}`)
}
