import type { Presignature } from '@tandem/ecdsa'
import type { Policy, PolicyResponse, TwoFactorCode } from '@tandem/wire'
import type { Device } from '../device.ts'
import { TandemError } from '../errors.ts'
import { loadWallet } from '../vault/wallet-record.ts'
import type { Wallet } from './create-wallet.ts'
import { signIntent } from './intent.ts'
import type { Stock } from './stock.ts'

/**
 * Changes what Sigpair signs for a wallet, by this device's intent and the second factor. What tightens acts at once, anything
 * else after a delay; the presignatures in stock are consumed either way.
 *
 * @param policy `null` takes it away
 * @throws {TandemError} `TWO_FACTOR_REQUIRED`, `TWO_FACTOR_INVALID`, `VALIDATION_FAILED`, `KEY_PENDING` before the commit
 *
 * Source: docs/spec/policy.md, section 4.
 */
export async function setPolicy(
  device: Device,
  stock: Stock<Presignature>,
  wallet: Wallet,
  policy: Policy | null,
  twoFactorCode?: TwoFactorCode,
): Promise<PolicyResponse> {
  const { platform, vault, api } = device
  const { keyId, profileId } = wallet
  const { current } = await loadWallet(vault, keyId)
  if (current === null) throw new TandemError('KEY_PENDING', 'This wallet is not in force yet; call resume().')
  const about = { op: 'policy' as const, keyId, epoch: current.epoch }
  const intent = signIntent(platform, await device.identity(), about, { policy })
  const changed = await api.setPolicy(profileId, { policy, intent, ...(twoFactorCode && { twoFactorCode }) })
  stock.clear(keyId)
  return changed
}
