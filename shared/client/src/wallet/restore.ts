import { encodeShare, type KeyShare, type Presignature, provePossession } from '@tandem/ecdsa'
import { type ProfileResponse, toHex, type TwoFactorCode } from '@tandem/wire'
import { readDeviceShareContent } from '../backup/device-share.ts'
import { openSigpairBackup, type SealedHalf } from '../backup/sigpair-share.ts'
import type { Device } from '../device.ts'
import { TandemError } from '../errors.ts'
import { type DeviceIdentity, deviceKeyOf } from '../identity.ts'
import { peersOf } from '../members.ts'
import { nameRecoveryKey } from './back-up.ts'
import type { Wallet } from './create-wallet.ts'
import { pastEpoch } from './drill.ts'
import { signIntent } from './intent.ts'
import { type BackupPlan, type Renewed, renew } from './new-epoch.ts'
import { heldShare } from './signing-key.ts'
import type { Stock } from './stock.ts'
import { addressOf } from './transaction.ts'
import {
  findWallet,
  loadWallet,
  loadWallets,
  type Restoring,
  saveWallet,
  type WalletRecord,
} from '../vault/wallet-record.ts'

/** A restore that was asked for on this device and is not in force yet. */
export type Restore = Wallet & Restoring

/**
 * The device is lost: this one, which opened its backup, asks to take its place. The owner hears of it and can cancel with the
 * lost device; after the delay {@link finishRestore} makes new shares, and the lost one's are dead.
 *
 * @param content the opened backup of the device's share; the caller overwrites it
 * @throws {TandemError} `BACKUP` for a damaged backup or one of a past epoch; `NOT_FOUND` for a wallet of somebody else; `VAULT` if
 *         this device holds the wallet; `KEY_BUSY` while another restore waits
 *
 * Source: docs/spec/flows.md 12.1.
 */
export async function restoreDevice(
  device: Device,
  content: Uint8Array,
  twoFactorCode?: TwoFactorCode,
): Promise<Restore> {
  const { backend, vault } = device
  const share = readDeviceShareContent(backend, content)
  try {
    const keyId = toHex(share.keyId)
    const known = await findWallet(vault, keyId)
    if (known !== undefined && (known.restoring === null || known.stage !== null)) {
      throw new TandemError(
        'VAULT',
        'This device holds this wallet already; restore on another, or rotate with repair.',
      )
    }
    const profile = await profileOf(device, share)
    const restoring = await ask(device, profile.profileId, share, 'device-lost', twoFactorCode)
    const record = restoredRecord(device, share, profile, restoring)
    await saveWallet(vault, record)
    return restoreOf(record, restoring)
  } finally {
    share.secret.fill(0)
  }
}

/**
 * Sigpair's share is lost: the enrolled device asks to bring it back from the owner's backup. No delay: both halves are the
 * owner's.
 *
 * @throws {TandemError} `FORBIDDEN` beside a committee. Source: docs/spec/gateway.md 5.4
 */
export async function restoreServer(device: Device, wallet: Wallet, twoFactorCode?: TwoFactorCode): Promise<Restore> {
  const { backend, vault } = device
  if ((await device.sigpairKeys()).committee !== undefined) throw notAlone()
  const share = heldShare(backend, await loadWallet(vault, wallet.keyId))
  try {
    const restoring = await ask(device, wallet.profileId, share, 'server-lost', twoFactorCode)
    return restoreOf(await noteRestore(device, wallet.keyId, restoring), restoring)
  } finally {
    share.secret.fill(0)
  }
}

function notAlone(): TandemError {
  const advice = 'A member of a committee that lost its share is replaced by a reshare, which its operators start.'
  return new TandemError('FORBIDDEN', advice)
}

export type FinishOptions = {
  readonly backups: BackupPlan
  /** server-lost: Sigpair's share as the owner backed it up, and the private half of the recovery key */
  readonly sigpair?: SealedHalf | undefined
  /** the owner's public recovery key, 0x-hex: a new device has to be told which one is his */
  readonly encryptionKey?: string | undefined
}

/**
 * New shares for this device and Sigpair, in force when this resolves. Repeatable until the request expires.
 *
 * @throws {TandemError} as `renew`; `FORBIDDEN` or `NOT_FOUND` before `notBefore`, or for a request that is past or cancelled;
 *         `BACKUP` if Sigpair's share does not open
 *
 * Source: docs/spec/flows.md 12.2 to 12.5.
 */
export async function finishRestore(
  device: Device,
  stock: Stock<Presignature>,
  { keyId, profileId, restoreId, reason }: Restore,
  options: FinishOptions,
): Promise<Renewed> {
  const { vault } = device
  const identity = await device.identity()
  if (options.encryptionKey !== undefined) await nameRecoveryKey(device, keyId, options.encryptionKey)
  const opened =
    reason === 'server-lost' ? openedHalf(device, await loadWallet(vault, keyId), options.sigpair) : undefined
  try {
    return await renew(device, stock, keyId, {
      ask: { operation: 'recover', keyId, deviceKey: deviceKeyOf(identity) },
      hello: (share) => ({ op: 'recover', restoreId, proof: toHex(proofOf(device, identity, share)) }),
      opened,
      backups: options.backups,
      reasons: ['restore'],
      plan: { profileId, restoreId },
    })
  } finally {
    opened?.fill(0)
  }
}

function openedHalf({ backend }: Device, record: WalletRecord, sigpair: SealedHalf | undefined): Uint8Array {
  if (sigpair === undefined) throw new TandemError('BACKUP', 'Sigpair’s share is lost: its backup is needed.')
  const share = heldShare(backend, record)
  try {
    return openSigpairBackup(backend, share, sigpair)
  } finally {
    share.secret.fill(0)
  }
}

/**
 * The enrolled device takes back a restore that its owner did not ask for.
 *
 * @param restoreId as the profile names it
 */
export async function cancelRestore(device: Device, { keyId, profileId }: Wallet, restoreId: string): Promise<void> {
  const { api, platform, backend, vault } = device
  const record = await loadWallet(vault, keyId)
  const { epoch, secret } = heldShare(backend, record)
  secret.fill(0)
  const about = { op: 'restore-cancel' as const, keyId, epoch }
  const intent = signIntent(platform, await device.identity(), about, { restoreId })
  await api.cancelRestore(restoreId, { profileId, intent })
  if (record.restoring?.restoreId === restoreId) await noteRestore(device, keyId, null)
}

/** Restores that were asked for on this device. */
export async function restores({ vault }: Device): Promise<Restore[]> {
  const records = await loadWallets(vault)
  return records.flatMap((record) => (record.restoring === null ? [] : [restoreOf(record, record.restoring)]))
}

async function ask(
  device: Device,
  profileId: string,
  share: KeyShare,
  reason: Restoring['reason'],
  twoFactorCode: TwoFactorCode | undefined,
): Promise<Restoring> {
  const { api, platform } = device
  const identity = await device.identity()
  const proof = toHex(proofOf(device, identity, share))
  const body = { reason, deviceKey: deviceKeyOf(identity), proof }
  const about = { op: 'restore' as const, keyId: toHex(share.keyId), epoch: share.epoch }
  const intent = signIntent(platform, identity, about, body)
  const code = twoFactorCode === undefined ? {} : { twoFactorCode }
  const { restoreId, notBefore } = await api.requestRestore({ profileId, ...body, intent, ...code })
  return { restoreId, reason, notBefore }
}

async function noteRestore(
  { vault, exclusively }: Device,
  keyId: string,
  restoring: Restoring | null,
): Promise<WalletRecord> {
  return exclusively(keyId, async () => {
    const record = { ...(await loadWallet(vault, keyId)), restoring }
    await saveWallet(vault, record)
    return record
  })
}

/** Of x1, for this device and no other: only who opened the backup of the epoch in force can ask. */
function proofOf({ backend, platform }: Device, { identity, exchange }: DeviceIdentity, share: KeyShare): Uint8Array {
  const device = Uint8Array.from([...identity, ...exchange])
  return provePossession(backend, share, platform.random, { purpose: 'restore', device })
}

async function profileOf({ api }: Device, { keyId, publicKey, epoch }: KeyShare): Promise<ProfileResponse> {
  const { profiles } = await api.profiles()
  const profile = profiles.find((one) => one.keyId.toLowerCase() === toHex(keyId))
  const foreign = new TandemError('NOT_FOUND', 'This user has no wallet that this backup is of.')
  if (profile === undefined || profile.publicKey.toLowerCase() !== toHex(publicKey)) throw foreign
  if (profile.epoch !== epoch) throw new TandemError('BACKUP', pastEpoch({ epoch }, profile.epoch))
  return profile
}

/** As this device holds the wallet until the restore is in force: a share without a pair, which signs nothing. */
function restoredRecord(
  { backend }: Device,
  share: KeyShare,
  { profileId, name }: ProfileResponse,
  restoring: Restoring,
): WalletRecord {
  const peers = peersOf(share)
  const current = {
    epoch: share.epoch,
    stageId: `0x${'00'.repeat(32)}`,
    share: encodeShare(backend, share),
    pairs: peers.map((peer) => ({ peer, setup: NO_PAIR })),
  }
  return {
    keyId: toHex(share.keyId),
    name,
    profileId,
    address: addressOf(share.publicKey),
    publicKey: toHex(share.publicKey),
    current,
    stage: null,
    pairs: peers.map((peer) => ({ peer, status: 'STALE', opened: 0, passed: 0 })),
    restoring,
    recoveryKeys: [],
  }
}

const NO_PAIR = new Uint8Array()

function restoreOf({ keyId, profileId, name, address, publicKey }: WalletRecord, restoring: Restoring): Restore {
  return { keyId, profileId: profileId ?? '', name, address, publicKey, ...restoring }
}
