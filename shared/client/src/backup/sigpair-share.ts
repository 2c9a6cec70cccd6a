import { type Backend, backupHash, type KeyShare, pveDecrypt, shareOfPeer } from '@tandem/ecdsa'
import { partyIndex } from '@tandem/rounds'
import { toHex } from '@tandem/wire'
import { TandemError } from '../errors.ts'

const SIGPAIR = partyIndex(2)

/** Sigpair's share as its owner has it: the ciphertext, and what opens it. */
export type SealedHalf = {
  /** 16 528 bytes. Source: docs/spec/backup.md 1.5 */
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
  const { keyId, ssid, epoch, publicShares } = ours
  const publicShare = publicShares[SIGPAIR - 1] ?? new Uint8Array()
  const about = { keyId, ssid, epoch, party: SIGPAIR, publicShare, purpose: 'recovery' as const }
  const opened = attempt(() => pveDecrypt(backend, dk, about, encryptedData))
  if (opened === undefined) {
    throw new TandemError(
      'BACKUP',
      `Sigpair’s share of epoch ${epoch} does not open: another recovery key, another wallet or epoch, or a damaged file.`,
    )
  }
  return opened
}

/** Sigpair's share as a share of its own, which `combineShares` and the protocols take. */
export function shareOfSigpair(backend: Backend, ours: KeyShare, opened: Uint8Array): KeyShare {
  return shareOfPeer(backend, ours, SIGPAIR, opened)
}

/** What both sides show of a ciphertext, 0x-hex. Source: docs/spec/backup.md 1.7. */
export function verificationHashOf(backend: Backend, encryptedData: Uint8Array): string {
  return toHex(backupHash(backend, encryptedData))
}

function attempt<T>(act: () => T): T {
  try {
    return act()
  } catch (cause) {
    throw new TandemError('BACKUP', 'This is not the private half of a recovery key.', { cause })
  }
}
