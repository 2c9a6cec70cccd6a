import {
  type AgeKey,
  openAgeFile,
  openSigpairBackup,
  readDeviceShareContent,
  shareOfSigpair,
  verificationHashOf,
} from '@tandem/client/backup'
import { type KeyShare, noble } from '@tandem/ecdsa'
import { toHex } from '@tandem/wire'
import { RecoverError } from './errors.ts'
import { sameText, type SigpairFile } from './inputs.ts'

/** Both shares of one key and one epoch, each proved against the public points of the other's record. */
export type Halves = {
  readonly device: KeyShare
  readonly sigpair: KeyShare
  /** 0x-hex */
  readonly verificationHash: string
}

export async function openDeviceHalf(file: Uint8Array, key: AgeKey): Promise<KeyShare> {
  const content = await openAgeFile(file, key)
  try {
    return readDeviceShareContent(noble, content)
  } finally {
    content.fill(0)
  }
}

/**
 * @param dk the private half of the recovery key
 * @throws {RecoverError} naming what does not belong together, as far as the files say it
 * @throws {TandemError} `BACKUP` where the ciphertext alone is known
 */
export function openBothHalves(device: KeyShare, file: SigpairFile, dk: Uint8Array): Halves {
  const { encryptedData } = file
  const verificationHash = verificationHashOf(noble, encryptedData)
  compare(file.says, device, { verificationHash, dk })
  const opened = openSigpairBackup(noble, device, { encryptedData, dk })
  return { device, sigpair: shareOfSigpair(noble, device, opened), verificationHash }
}

/** What the file says of itself is believed for one thing only: to explain why it will not open. */
function compare(
  { epoch, verificationHash, encryptionKey }: SigpairFile['says'],
  device: KeyShare,
  found: { readonly verificationHash: string; readonly dk: Uint8Array },
): void {
  if (verificationHash !== undefined && verificationHash !== found.verificationHash)
    throw unfit('Sigpair’s backup is damaged: it does not have the verification hash that its file names.')
  if (epoch !== undefined && epoch !== device.epoch)
    throw unfit(`The backups are of different epochs: the device’s of ${device.epoch}, Sigpair’s of ${epoch}.`)
  if (encryptionKey !== undefined && !sameText(publicHalf(found.dk), encryptionKey))
    throw unfit(`Sigpair’s backup is for another recovery key: ${encryptionKey}`)
}

function publicHalf(dk: Uint8Array): string {
  try {
    return toHex(noble.encode(noble.mulBase(BigInt(toHex(dk)))))
  } catch (cause) {
    throw new RecoverError('input', 'This is not the private half of a recovery key.', cause)
  }
}

function unfit(message: string): RecoverError {
  return new RecoverError('input', message)
}
