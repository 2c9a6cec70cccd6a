import { type PartyIndex, partyIndex } from '@tandem/rounds'
import { limits } from '@tandem/wire'
import { TandemError } from '../errors.ts'

/**
 * The backups of a committee's shares as the one file an owner keeps: for each, in index order, its member's index (1 byte) and
 * the ciphertext of docs/spec/backup.md 1.5. Source: docs/spec/gateway.md 5.3.
 */
export type SealedShareOf = { readonly index: PartyIndex; readonly encryptedData: Uint8Array }

const ENTRY_BYTES = 1 + limits.PVE_BYTES

export function bundleBackups(entries: readonly SealedShareOf[]): Uint8Array {
  const bytes = new Uint8Array(entries.length * ENTRY_BYTES)
  for (const [at, { index, encryptedData }] of entries.entries()) {
    if (encryptedData.length !== limits.PVE_BYTES) throw new RangeError('not an encrypted share')
    bytes[at * ENTRY_BYTES] = index
    bytes.set(encryptedData, at * ENTRY_BYTES + 1)
  }
  return bytes
}

/** @throws {TandemError} `BACKUP` for anything but what {@link bundleBackups} makes */
export function readBackupBundle(bytes: Uint8Array): readonly SealedShareOf[] {
  const count = bytes.length / ENTRY_BYTES
  const indices = Array.from({ length: Math.floor(count) }, (_, at) => bytes[at * ENTRY_BYTES] ?? 0)
  const ascending = indices.every((index, at) => index > (indices[at - 1] ?? 0) && index <= limits.MAX_NODES)
  if (!Number.isInteger(count) || count === 0 || !ascending) {
    throw new TandemError('BACKUP', 'This is not the backup of a committee’s shares, or a part of it is missing.')
  }
  return indices.map((index, at) => ({
    index: partyIndex(index),
    encryptedData: bytes.slice(at * ENTRY_BYTES + 1, (at + 1) * ENTRY_BYTES),
  }))
}
