import type { RotateKeyResponse, StoredBackups, TwoFactorCode } from '@tandem/wire'
import type { Device } from '../device.ts'
import { type DeviceEpoch, loadWallet, saveWallet, type SignedCommit } from '../vault/wallet-record.ts'
import { signIntent } from './intent.ts'

/** Which call puts a stage in force: `restoreId` names the restore it ends; without it, it is a rotation. */
export type CommitPlan = {
  readonly profileId: string
  readonly repair?: true | undefined
  readonly restoreId?: string | undefined
}

/**
 * The owner's word for a stage; beside a committee durable before anybody has it, since from then on no member's abort of the
 * stage may be asked for.
 *
 * Source: docs/spec/flows.md 9.6, 12.5; gateway.md 5.2.
 */
export async function signCommit(
  device: Device,
  keyId: string,
  stage: DeviceEpoch,
  { plan, backups }: { readonly plan: CommitPlan; readonly backups: StoredBackups },
): Promise<SignedCommit> {
  const { profileId, repair, restoreId } = plan
  const body = {
    stageId: stage.stageId,
    backups,
    ...(repair === undefined ? {} : { repair }),
    ...(restoreId === undefined ? {} : { restoreId }),
  }
  const op = restoreId === undefined ? ('rotate' as const) : ('restore-confirm' as const)
  const intent = signIntent(device.platform, await device.identity(), { op, keyId, epoch: stage.epoch }, body)
  const commit = { profileId, ...body, intent }
  if ((await device.sigpairKeys()).committee !== undefined) {
    await saveWallet(device.vault, { ...(await loadWallet(device.vault, keyId)), commit })
  }
  return commit
}

export async function sendCommit(
  { api }: Pick<Device, 'api'>,
  { restoreId, repair, ...commit }: SignedCommit,
  twoFactorCode?: TwoFactorCode,
): Promise<RotateKeyResponse> {
  if (restoreId !== undefined) return api.confirmRestore(restoreId, commit)
  const code = twoFactorCode === undefined ? {} : { twoFactorCode }
  return api.rotateKey({ ...commit, ...(repair === undefined ? {} : { repair }), ...code })
}

/** Less than this is left of an intent: it may be past when it arrives. */
const MARGIN_SECONDS = 30

/** The same commit again: with the same intent while that holds, which needs no second factor twice. */
export async function repeatCommit(
  device: Device,
  keyId: string,
  { stage, commit }: { readonly stage: DeviceEpoch; readonly commit: SignedCommit },
  twoFactorCode?: TwoFactorCode,
): Promise<RotateKeyResponse> {
  const holds = commit.intent.expiry - device.platform.now() / 1000 > MARGIN_SECONDS
  const again = holds ? commit : await signCommit(device, keyId, stage, { plan: commit, backups: commit.backups })
  return sendCommit(device, again, twoFactorCode)
}
