import { type Backend, decodeShare, type KeyShare } from '@tandem/ecdsa'
import { TandemError } from '../errors.ts'
import { DEVICE } from '../members.ts'

/**
 * What the backup of the device's share holds, before it is sealed: the share's own encoding and nothing else. No OT seeds and no
 * presignatures: a copy of those could be used twice.
 *
 *     offset  bytes  field
 *     0       4      "TDEV"
 *     4       1      version, 1
 *     5       rest   share, as docs/spec/storage.md encodes it; 343 bytes for two parties
 *
 * Source: docs/spec/backup.md, section 4.
 */
const MAGIC = Uint8Array.of(0x54, 0x44, 0x45, 0x56, 1)

/** Seals the content of a backup for its owner, into a file. `@tandem/client/backup` has one for age. */
export type ShareSealer = (content: Uint8Array) => Promise<Uint8Array>

/** @param share its encoding; the caller overwrites what is returned */
export function deviceShareContent(share: Uint8Array): Uint8Array {
  const content = new Uint8Array(MAGIC.length + share.length)
  content.set(MAGIC)
  content.set(share, MAGIC.length)
  return content
}

/** The sealed file of one share. What is sealed is overwritten when it is done. */
export async function sealDeviceShare(share: Uint8Array, seal: ShareSealer): Promise<Uint8Array> {
  const content = deviceShareContent(share)
  try {
    return await seal(content)
  } finally {
    content.fill(0)
  }
}

/**
 * The share in the opened backup of a device.
 *
 * @throws {TandemError} `BACKUP` for anything but the share of a device, or one that is damaged
 */
export function readDeviceShareContent(backend: Backend, content: Uint8Array): KeyShare {
  const isOurs = MAGIC.every((byte, at) => content[at] === byte)
  if (!isOurs) throw new TandemError('BACKUP', 'This is not the backup of a Tandem device, or of a newer version.')
  const bytes = content.slice(MAGIC.length)
  try {
    const share = decodeShare(backend, bytes)
    if (isOfDevice(share)) return share
  } catch (cause) {
    throw new TandemError('BACKUP', 'The share in this backup is damaged; use another copy.', { cause })
  } finally {
    bytes.fill(0)
  }
  throw new TandemError('BACKUP', 'The share in this backup is not that of a device.')
}

/** Party 1 of a pair, the last party beside a committee. */
function isOfDevice({ self, parties, withDevice }: KeyShare): boolean {
  return withDevice === true ? self === parties : self === DEVICE && parties === 2
}
