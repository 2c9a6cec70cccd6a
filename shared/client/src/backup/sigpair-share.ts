import { type Backend, backupHash, type KeyShare, pveDecrypt, shareOfPeer } from '@tandem/ecdsa'
import type { PartyIndex } from '@tandem/rounds'
import { toHex } from '@tandem/wire'
import { TandemError } from '../errors.ts'
import { membersToSign, SIGPAIR } from '../members.ts'
import { readBackupBundle, type SealedShareOf } from './backup-bundle.ts'

/** Sigpair's share as its owner has it: the ciphertext, and what opens it. */
export type SealedHalf = {
  /** 16 528 bytes; beside a committee a bundle of several. Source: docs/spec/backup.md 1.5, gateway.md 5.3 */
  readonly encryptedData: Uint8Array
  /** the private half of the recovery key, 32 bytes; the caller overwrites it */
  readonly dk: Uint8Array
}

/**
 * Opens the backup of Sigpair's share beside the device's own share of the same epoch.
 *
 * @returns x2, 32 bytes; the caller overwrites it
 * @throws {TandemError} `BACKUP` for another recovery key, another wallet or epoch, or a damaged file: which of them, the
 *         ciphertext does not say
 *
 * Source: docs/spec/backup.md 1.6, 2.1.
 */
export function openSigpairBackup(backend: Backend, ours: KeyShare, { encryptedData, dk }: SealedHalf): Uint8Array {
  const opened = openBackupOf(backend, ours, SIGPAIR, { encryptedData, dk })
  if (opened === undefined) {
    throw new TandemError(
      'BACKUP',
      `Sigpair’s share of epoch ${ours.epoch} does not open: another recovery key, another wallet or epoch, or a damaged file.`,
    )
  }
  return opened
}

/**
 * Opens the backups of a committee's shares beside the device's own share of the same epoch.
 *
 * @returns those that open, at least as many as sign with the device: with the device's `combineShares` takes them; the caller
 *          overwrites their secrets
 * @throws {TandemError} `BACKUP` if fewer do, naming the members whose do not
 *
 * Source: docs/spec/gateway.md 5.3.
 */
export function openCommitteeBackups(backend: Backend, ours: KeyShare, { encryptedData, dk }: SealedHalf): KeyShare[] {
  const entries = readBackupBundle(encryptedData)
  const shares = entries.flatMap(({ index, encryptedData: one }) => {
    const opened = openBackupOf(backend, ours, index, { encryptedData: one, dk })
    return opened === undefined ? [] : [shareOfPeer(backend, ours, index, opened)]
  })
  if (shares.length >= membersToSign(ours)) return shares
  for (const { secret } of shares) secret.fill(0)
  const closed = entries.filter(({ index }) => shares.every(({ self }) => self !== index))
  throw new TandemError('BACKUP', tooFew(ours, shares.length, closed))
}

function tooFew(ours: KeyShare, opened: number, closed: readonly SealedShareOf[]): string {
  const few = `${opened} members’ shares of epoch ${ours.epoch} open, ${membersToSign(ours)} are needed`
  if (closed.length === 0) return `${few}, and this file has no others.`
  const names = closed.map(({ index }) => `member ${index}`).join(', ')
  return `${few}. Not opened: ${names}; another recovery key, another wallet or epoch, or a damaged file.`
}

/** Sigpair's share as a share of its own, which `combineShares` and the protocols take. */
export function shareOfSigpair(backend: Backend, ours: KeyShare, opened: Uint8Array): KeyShare {
  return shareOfPeer(backend, ours, SIGPAIR, opened)
}

/** What both sides show of a ciphertext, 0x-hex. Source: docs/spec/backup.md 1.7. */
export function verificationHashOf(backend: Backend, encryptedData: Uint8Array): string {
  return toHex(backupHash(backend, encryptedData))
}

function openBackupOf(
  backend: Backend,
  { keyId, ssid, epoch, publicShares }: KeyShare,
  party: PartyIndex,
  { encryptedData, dk }: SealedHalf,
): Uint8Array | undefined {
  const publicShare = publicShares[party - 1]
  if (publicShare === undefined) return undefined
  const about = { keyId, ssid, epoch, party, publicShare, purpose: 'recovery' as const }
  try {
    return pveDecrypt(backend, dk, about, encryptedData)
  } catch (cause) {
    throw new TandemError('BACKUP', 'This is not the private half of a recovery key.', { cause })
  }
}
