import type { Presignature } from '@tandem/ecdsa'
import type { TwoFactorCode } from '@tandem/wire'
import type { Device } from '../device.ts'
import type { Wallet } from './create-wallet.ts'
import { type BackupPlan, type Renewed, renew } from './new-epoch.ts'
import type { Stock } from './stock.ts'

export type RotateOptions = {
  readonly backups: BackupPlan
  readonly twoFactorCode?: TwoFactorCode | undefined
  /** makes a wallet sign again that is frozen, suspended or stale; three times a day */
  readonly repair?: true | undefined
}

/**
 * New shares, same address: whatever was learned of the old ones is worth nothing. Presignatures die with the old epoch.
 *
 * @throws {TandemError} as `renew`; `KEY_FROZEN` for a wallet that needs `repair`; `TWO_FACTOR_REQUIRED`; `RATE_LIMITED`
 *
 * Source: docs/spec/flows.md, section 9.
 */
export async function rotateKey(
  device: Device,
  stock: Stock<Presignature>,
  { keyId, profileId }: Wallet,
  { backups, twoFactorCode, repair }: RotateOptions,
): Promise<Renewed> {
  return renew(device, stock, keyId, {
    ask: { operation: 'refresh', keyId },
    hello: () => ({ op: 'refresh' }),
    backups,
    reasons: ['refresh', 'repair'],
    plan: { profileId, repair },
    twoFactorCode,
  })
}
