import {
  type AgeKey,
  openAgeFile,
  openCommitteeBackups,
  openSigpairBackup,
  readBackupBundle,
  readDeviceShareContent,
  shareOfSigpair,
  verificationHashOf,
} from '@tandem/client/backup'
import { type Backend, backupHash, backupHashOfNodes, committeeOf, type KeyShare } from '@tandem/ecdsa'
import { toHex } from '@tandem/wire'
import { RecoverError } from './errors.ts'
import { sameText } from './inputs.ts'
import { isOfCommittee, type SigpairFile } from './sigpair-file.ts'

/** Shares of one key and one epoch that make it, each proved against the public points of the device's record. */
export type Opened = {
  readonly device: KeyShare
  /** Sigpair's; of a committee all that opened, in index order, as many as are needed or more */
  readonly others: readonly KeyShare[]
  /** 0x-hex */
  readonly verificationHash: string
  /** absent beside one Sigpair */
  readonly committee?: CommitteeFile
}

/** What a committee's file has in it. */
export type CommitteeFile = {
  /** how many members hold the key with the device, and how many of their shares make it */
  readonly members: number
  readonly needed: number
  /** members by index: whose share is in the file and does not open, and whose is not there */
  readonly closed: readonly number[]
  readonly missing: readonly number[]
  /** whether the file names the verification hash that it has; true if it names none */
  readonly asNamed: boolean
}

export async function openDeviceShare(backend: Backend, file: Uint8Array, key: AgeKey): Promise<KeyShare> {
  const content = await openAgeFile(file, key)
  try {
    return readDeviceShareContent(backend, content)
  } finally {
    content.fill(0)
  }
}

/**
 * @param dk the private half of the recovery key
 * @throws {RecoverError} naming what does not belong together, as far as the files say it
 * @throws {TandemError} `BACKUP` where the ciphertext alone is known, or too few of a committee's open
 */
export function openShares(backend: Backend, device: KeyShare, file: SigpairFile, dk: Uint8Array): Opened {
  const ofCommittee = isOfCommittee(file.encryptedData)
  if (ofCommittee && device.withDevice !== true)
    throw unfit('Sigpair’s backup is of a committee, and the device’s of a key that it holds with one Sigpair.')
  if (!ofCommittee && device.withDevice === true)
    throw unfit('Sigpair’s backup is of one share, and the device’s of a key that it holds with a committee.')
  return ofCommittee ? openMembers(backend, device, file, dk) : openSigpair(backend, device, file, dk)
}

function openSigpair(backend: Backend, device: KeyShare, { encryptedData, says }: SigpairFile, dk: Uint8Array): Opened {
  const verificationHash = verificationHashOf(backend, encryptedData)
  if (says.verificationHash !== undefined && says.verificationHash !== verificationHash)
    throw unfit('Sigpair’s backup is damaged: it does not have the verification hash that its file names.')
  compare(backend, says, device, dk)
  const opened = openSigpairBackup(backend, device, { encryptedData, dk })
  return { device, others: [shareOfSigpair(backend, device, opened)], verificationHash }
}

/** Damage to one member's share does not take the others', so nothing is refused that still makes the key. */
function openMembers(backend: Backend, device: KeyShare, { encryptedData, says }: SigpairFile, dk: Uint8Array): Opened {
  const entries = readBackupBundle(encryptedData)
  const { parties: members, threshold: needed } = committeeOf(device)
  const stranger = entries.find(({ index }) => index > members)
  if (stranger !== undefined)
    throw unfit(
      `Sigpair’s backup has a share of member ${stranger.index}, and the device’s key has ${members} members.`,
    )
  compare(backend, says, device, dk)
  const others = openCommitteeBackups(backend, device, { encryptedData, dk })

  const given = new Set<number>(entries.map(({ index }) => index))
  const opened = new Set<number>(others.map(({ self }) => self))
  const everybody = Array.from({ length: members }, (_, at) => at + 1)
  const hashes = entries.map((entry) => backupHash(backend, entry.encryptedData))
  const verificationHash = toHex(backupHashOfNodes(backend, hashes))
  const committee = {
    members,
    needed,
    closed: everybody.filter((index) => given.has(index) && !opened.has(index)),
    missing: everybody.filter((index) => !given.has(index)),
    asNamed: says.verificationHash === undefined || says.verificationHash === verificationHash,
  }
  return { device, others, verificationHash, committee }
}

/** What the file says of itself is believed for one thing only: to explain why it will not open. */
function compare(
  backend: Backend,
  { epoch, encryptionKey }: SigpairFile['says'],
  device: KeyShare,
  dk: Uint8Array,
): void {
  if (epoch !== undefined && epoch !== device.epoch)
    throw unfit(`The backups are of different epochs: the device’s of ${device.epoch}, Sigpair’s of ${epoch}.`)
  if (encryptionKey !== undefined && !sameText(publicHalf(backend, dk), encryptionKey))
    throw unfit(`Sigpair’s backup is for another recovery key: ${encryptionKey}`)
}

function publicHalf(backend: Backend, dk: Uint8Array): string {
  try {
    return toHex(backend.encode(backend.mulBase(BigInt(toHex(dk)))))
  } catch (cause) {
    throw new RecoverError('input', 'This is not the private half of a recovery key.', cause)
  }
}

function unfit(message: string): RecoverError {
  return new RecoverError('input', message)
}
