import { type PartyIndex, type Rng, UsageError } from '@tandem/rounds'
import type { Backend } from '../math/backend.ts'
import { type Sha2, TH } from '../math/hash.ts'
import { randomScalar, toBytes32 } from '../math/scalar.ts'
import type { KeyShare } from '../share.ts'

/** Who keeps the key that opens the backup: the owner, or somebody the owner trusts with it. */
export type BackupPurpose = 'recovery' | 'escrow'

/**
 * What an encrypted share is about. Whoever verifies or opens one takes all of it from its own records: nothing of it is
 * read from the ciphertext. Source: docs/spec/backup.md 1.1.
 */
export type BackupStatement = Pick<KeyShare, 'keyId' | 'ssid' | 'epoch'> & {
  /** whose share is encrypted */
  readonly party: PartyIndex
  /** X_party of this epoch, 33 bytes */
  readonly publicShare: Uint8Array
  readonly purpose: BackupPurpose
  /** the encryption key the owner registered, 33 bytes */
  readonly ek: Uint8Array
}

/**
 * The statement about one party's share, from our own share of the same epoch.
 *
 * @throws {UsageError} for a party the key does not have
 */
export function backupStatement(
  share: KeyShare,
  about: Pick<BackupStatement, 'party' | 'purpose' | 'ek'>,
): BackupStatement {
  const { keyId, ssid, epoch, publicShares } = share
  const publicShare = publicShares[about.party - 1]
  if (publicShare === undefined) throw new UsageError('not a party of this key')
  return { ...about, keyId, ssid, epoch, publicShare }
}

/** A key pair that opens backups and serves nothing else: dk 32 bytes, kept offline; ek 33 bytes, registered. */
export function backupKey(backend: Backend, rng: Rng): { readonly dk: Uint8Array; readonly ek: Uint8Array } {
  const dk = randomScalar(rng)
  return { dk: toBytes32(dk), ek: backend.encode(backend.mulBase(dk)) }
}

/** What both sides show, so that people see that they mean the same ciphertext: 32 bytes. Source: docs/spec/backup.md 1.7. */
export function backupHash(sha: Sha2, ciphertext: Uint8Array): Uint8Array {
  return TH(sha, 'pve/hash', ciphertext)
}

/** What an owner confirms of a committee: the hash of the hashes of its backups, in index order. Source: docs/spec/gateway.md 5.3. */
export function backupHashOfNodes(sha: Sha2, hashes: readonly Uint8Array[]): Uint8Array {
  return TH(sha, 'backup/nodes', ...hashes)
}
