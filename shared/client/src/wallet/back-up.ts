import type { KeyShare } from '@tandem/ecdsa'
import { type BackupResponse, fromBase64url, type TwoFactorCode } from '@tandem/wire'
import type { SealedShareOf } from '../backup/backup-bundle.ts'
import { sealDeviceShare, type ShareSealer } from '../backup/device-share.ts'
import type { Device } from '../device.ts'
import { type BackupRecord, backupOf, requireVerified, type SigpairBackup } from '../dialogue/dialogue-refresh.ts'
import { TandemError } from '../errors.ts'
import { membersOf, membersToSign, SIGPAIR } from '../members.ts'
import type { Wallet } from './create-wallet.ts'
import { signIntent } from './intent.ts'
import { heldShare } from './signing-key.ts'
import { loadWallet, saveWallet } from '../vault/wallet-record.ts'

/** `encryptionKey`: the public half of the recovery kit, 0x-hex of 33 bytes. */
export type BackupOptions = {
  readonly encryptionKey: string
  readonly twoFactorCode?: TwoFactorCode | undefined
}

/**
 * Sigpair's share, encrypted to the owner's recovery key, and verified here against our own record before the app gets it. The
 * first backup enrols the key. Beside a committee: the shares of all members that answer, enough to make the key with this device's.
 *
 * @throws {TandemError} `ANSWER_REFUSED` for a ciphertext that is not the share's; `VALIDATION_FAILED` if another recovery key is
 *         enrolled; `EPOCH_MISMATCH` if the wallet is in another epoch
 *
 * Source: docs/spec/flows.md 10.1, backup.md, gateway.md 5.3.
 */
export async function backUp(device: Device, wallet: Wallet, options: BackupOptions): Promise<SigpairBackup> {
  const { api, backend, vault, onProgress } = device
  const encryptionKey = options.encryptionKey.toLowerCase()
  const share = heldShare(backend, await loadWallet(vault, wallet.keyId))
  const signed = await signedBody(device, 'backup', share, wallet, { encryptionKey })
  onProgress({ step: 'backup' })
  const answer = await api.backUp({ profileId: wallet.profileId, ...signed, ...code(options.twoFactorCode) })
  const about = { share, recoveryKey: encryptionKey }
  const backup = await (share.withDevice === true ? backupOfMembers : backupOfSigpair)(device, about, answer)
  share.secret.fill(0)
  await nameRecoveryKey(device, wallet.keyId, encryptionKey)
  return backup
}

async function backupOfSigpair(
  { platform, backend }: Device,
  about: BackupRecord,
  { epoch, encryptedData, verificationHash }: BackupResponse,
): Promise<SigpairBackup> {
  if (epoch !== about.share.epoch) throw new TandemError('EPOCH_MISMATCH', 'The backup is of another epoch; try again.')
  const entry = { index: SIGPAIR, encryptedData: fromBase64url(encryptedData) }
  await requireVerified(platform, backend, about, entry)
  const backup = backupOf(backend, about, [entry])
  const same = verificationHash.toLowerCase() === backup.verificationHash
  if (!same) throw new TandemError('ANSWER_REFUSED', 'Sigpair shows another verification hash than the backup has.')
  return backup
}

/** Each against its member's point. What one of them spoils does not take the others'. */
async function backupOfMembers(device: Device, about: BackupRecord, { nodes }: BackupResponse): Promise<SigpairBackup> {
  const good: SealedShareOf[] = []
  let failure: unknown
  for (const { index } of membersOf(await device.sigpairKeys())) {
    const own = nodes?.find((node) => node.index === index && node.epoch === about.share.epoch)
    if (own === undefined) continue
    const entry = { index, encryptedData: fromBase64url(own.encryptedData) }
    await requireVerified(device.platform, device.backend, about, entry).then(
      () => good.push(entry),
      (error: unknown) => {
        failure = error
      },
    )
  }
  if (good.length >= membersToSign(about.share)) return backupOf(device.backend, about, good)
  throw failure ?? new TandemError('UNAVAILABLE', 'Too few members of the committee made a backup; try again later.')
}

/**
 * Another recovery key, in force after a delay in which the owner can object; backups of later epochs are for it.
 *
 * @returns seconds since 1970 from which it is the enrolled one
 */
export async function changeRecoveryKey(
  device: Device,
  wallet: Wallet,
  options: BackupOptions,
): Promise<{ readonly notBefore: number }> {
  const encryptionKey = options.encryptionKey.toLowerCase()
  const share = heldShare(device.backend, await loadWallet(device.vault, wallet.keyId))
  const signed = await signedBody(device, 'recovery-key', share, wallet, { encryptionKey })
  const { notBefore } = await device.api.changeRecoveryKey(wallet.profileId, {
    ...signed,
    ...code(options.twoFactorCode),
  })
  await nameRecoveryKey(device, wallet.keyId, encryptionKey)
  return { notBefore }
}

/** How many recovery keys a device remembers: the enrolled one, one that waits, and a few that are past. */
const MAX_RECOVERY_KEYS = 4

/** The owner says on this device that a recovery key is his. Durable. @param encryptionKey 0x-hex */
export async function nameRecoveryKey(
  { vault, exclusively }: Device,
  keyId: string,
  encryptionKey: string,
): Promise<void> {
  const named = encryptionKey.toLowerCase()
  if ((await loadWallet(vault, keyId)).recoveryKeys.includes(named)) return
  await exclusively(keyId, async () => {
    const record = await loadWallet(vault, keyId)
    const others = record.recoveryKeys.filter((one) => one !== named)
    await saveWallet(vault, { ...record, recoveryKeys: [...others, named].slice(-MAX_RECOVERY_KEYS) })
  })
}

/** This device's own share, sealed by the app's means; `@tandem/client/backup` makes an age file. */
export async function exportDeviceShare(
  { vault, backend }: Device,
  { keyId }: Wallet,
  seal: ShareSealer,
): Promise<Uint8Array> {
  const record = await loadWallet(vault, keyId)
  heldShare(backend, record).secret.fill(0)
  return sealDeviceShare(record.current?.share ?? new Uint8Array(), seal)
}

/** A body and this device's intent over it. */
async function signedBody<B extends object>(
  device: Device,
  op: 'backup' | 'recovery-key',
  { epoch }: KeyShare,
  { keyId }: Wallet,
  body: B,
) {
  return { ...body, intent: signIntent(device.platform, await device.identity(), { op, keyId, epoch }, body) }
}

/** Absent, not undefined: the schemas are strict. */
function code(twoFactorCode: TwoFactorCode | undefined) {
  return twoFactorCode === undefined ? {} : { twoFactorCode }
}
