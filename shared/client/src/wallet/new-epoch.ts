import type { KeyShare, Presignature } from '@tandem/ecdsa'
import type { Hello, RotationRecord, StoredBackups, TicketRequest, TwoFactorCode } from '@tandem/wire'
import { sealDeviceShare, type ShareSealer } from '../backup/device-share.ts'
import { checkReceipts } from './commit.ts'
import { type CommitPlan, sendCommit, signCommit } from './epoch-commit.ts'
import { type Refreshed, refreshOnDevice, type SigpairBackup } from '../dialogue/dialogue-refresh.ts'
import { type Device, startDialogue } from '../device.ts'
import { TandemError } from '../errors.ts'
import { requireTheirs } from '../members.ts'
import { checkRotations } from './receipts.ts'
import { reconcile } from './reconcile.ts'
import { heldShare } from './signing-key.ts'
import type { Stock } from './stock.ts'
import { withFate, withStage } from '../vault/stages.ts'
import { loadWallet, saveWallet, type WalletRecord } from '../vault/wallet-record.ts'

/** What the app keeps before a new epoch comes into force: the backups of the old one are worthless after it. */
export type NewBackups = {
  /** verified; absent where no recovery key is enrolled */
  readonly sigpair: SigpairBackup | undefined
  /** this device's share, sealed */
  readonly device: Uint8Array
}

/**
 * How the owner backs a new epoch up. `save` resolves when both backups are durable; it may sign with presignatures, but not wait
 * for a dialogue of the same wallet, which waits for it. `waived` is the owner's loss, and he signs it.
 */
export type BackupPlan =
  | 'waived'
  | { readonly seal: ShareSealer; readonly save: (backups: NewBackups) => Promise<void> }

/** What makes one new epoch: of a rotation, or of a restore. */
export type Renewal = {
  readonly ask: TicketRequest
  readonly hello: (share: KeyShare) => Hello
  /** Sigpair's share as its owner opened it, where Sigpair has lost it */
  readonly opened?: Uint8Array | undefined
  readonly backups: BackupPlan
  /** the call that puts the stage in force */
  readonly plan: CommitPlan
  readonly twoFactorCode?: TwoFactorCode | undefined
  readonly reasons: readonly RotationRecord['reason'][]
}

export type Renewed = {
  readonly epoch: number
  /** the new backup of Sigpair's share, as `save` got it */
  readonly backup: SigpairBackup | undefined
  /** signed by Sigpair: the old shares are dead; absent if the answer was lost and only the receipt came later */
  readonly rotation: RotationRecord | undefined
}

/**
 * New shares of a wallet: settled first, staged on both sides, backed up, put in force. Interrupted anywhere it leaves exactly
 * one pair that works, and `reconcile` finds out which. With presignatures the wallet signs meanwhile, in the epoch in force.
 *
 * @throws {TandemError} after which the wallet is as it was, unless the network is gone: then both epochs stay until it is back
 *
 * Source: docs/spec/flows.md, sections 9 and 12.
 */
export async function renew(
  device: Device,
  stock: Stock<Presignature>,
  keyId: string,
  renewal: Renewal,
): Promise<Renewed> {
  return device.exclusively(keyId, async () => {
    const before = await loadWallet(device.vault, keyId)
    await reconcile(device, stock, keyId, renewal.twoFactorCode)
    const record = await loadWallet(device.vault, keyId)
    // What its owner asked for before, and may ask for again because it was cut off.
    if (before.commit !== undefined && isNewer(record, before)) return unheard(record)
    if (record.stage !== null) throw new TandemError('EPOCH_MISMATCH', 'An older stage is still open; try again later.')
    device.renewing.add(keyId)
    try {
      return await stageAndCommit(device, stock, record, renewal)
    } catch (failure) {
      return await afterFailure(device, stock, record, failure)
    } finally {
      device.renewing.delete(keyId)
    }
  })
}

async function stageAndCommit(
  device: Device,
  stock: Stock<Presignature>,
  record: WalletRecord,
  renewal: Renewal,
): Promise<Renewed> {
  const { keyId } = record
  const staged = await stageEpoch(device, record, renewal)
  const stored = await storeBackups(record, renewal.backups, staged)

  device.onProgress({ step: 'commit' })
  const commit = await signCommit(device, keyId, staged.stage, { plan: renewal.plan, backups: stored })
  const answer = await sendCommit(device, commit, renewal.twoFactorCode)
  const [{ epoch, stageId }, keys] = [staged.stage, await device.sigpairKeys()]
  checkReceipts(device.backend, keys, staged.stage, answer)
  const about = { keyId, publicKey: record.publicKey, from: epoch - 1, to: epoch, stageId: stageId.toLowerCase() }
  const rotation = checkRotations(keys, { ...about, reasons: renewal.reasons }, answer)

  await saveWallet(device.vault, withFate(await loadWallet(device.vault, keyId), staged.stage, 'committed'))
  stock.clear(keyId)
  return { epoch, backup: staged.backup, rotation }
}

async function stageEpoch(device: Device, record: WalletRecord, { ask, hello, opened }: Renewal): Promise<Refreshed> {
  const { platform, backend, vault, onProgress } = device
  const share = heldShare(backend, record)
  requireTheirs(await device.sigpairKeys(), share)
  const { legs } = await startDialogue(device, ask, hello(share))
  try {
    return await refreshOnDevice(legs, {
      platform,
      backend,
      share,
      opened,
      onProgress,
      device: await device.identity(),
      keys: await device.sigpairKeys(),
      recoveryKeys: record.recoveryKeys,
      stage: async (epoch) => saveWallet(vault, withStage(await loadWallet(vault, record.keyId), epoch)),
    })
  } finally {
    legs.close()
    share.secret.fill(0)
  }
}

async function storeBackups(
  { recoveryKeys }: WalletRecord,
  plan: BackupPlan,
  { stage, backup }: Refreshed,
): Promise<StoredBackups> {
  if (plan === 'waived') return { sigpair: 'waived', device: 'waived' }
  if (backup === undefined && recoveryKeys.length > 0) {
    throw new TandemError('ANSWER_REFUSED', 'Sigpair made no backup for the recovery key; back the wallet up first.')
  }
  await plan.save({ sigpair: backup, device: await sealDeviceShare(stage.share, plan.seal) })
  const nodes = backup?.nodes === undefined ? {} : { nodes: [...backup.nodes] }
  return { sigpair: backup?.verificationHash ?? 'waived', ...nodes, device: 'stored' }
}

/** The stage is given up, unless the commit arrived and only its answer was lost. */
async function afterFailure(
  device: Device,
  stock: Stock<Presignature>,
  before: WalletRecord,
  failure: unknown,
): Promise<Renewed> {
  await reconcile(device, stock, before.keyId).catch(() => undefined)
  const now = await loadWallet(device.vault, before.keyId)
  if (!isNewer(now, before)) throw failure
  return unheard(now)
}

function isNewer({ current }: WalletRecord, before: WalletRecord): boolean {
  return current !== null && current.epoch !== before.current?.epoch
}

/** In force by its receipts; what else its commit answered was lost. */
function unheard({ current }: WalletRecord): Renewed {
  return { epoch: current?.epoch ?? 0, backup: undefined, rotation: undefined }
}
