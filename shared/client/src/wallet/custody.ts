import type { Presignature } from '@tandem/ecdsa'
import type { FreezeResponse, TwoFactorCode } from '@tandem/wire'
import type { Device } from '../device.ts'
import { TandemError } from '../errors.ts'
import type { Wallet } from './create-wallet.ts'
import { signIntent } from './intent.ts'
import { reconcile } from './reconcile.ts'
import { heldShare } from './signing-key.ts'
import type { Stock } from './stock.ts'
import { dropWallet, findWallet, loadWallet } from '../vault/wallet-record.ts'

/**
 * Stops a wallet at Sigpair; only a rotation with `repair` starts it again.
 *
 * Source: docs/spec/flows.md, section 13.
 */
export async function freeze(
  { api }: Device,
  stock: Stock<Presignature>,
  { keyId, profileId }: Wallet,
  twoFactorCode?: TwoFactorCode,
): Promise<FreezeResponse> {
  const answer = await api.freeze({ profileId, ...(twoFactorCode === undefined ? {} : { twoFactorCode }) })
  stock.clear(keyId)
  return answer
}

/**
 * Erases the key for ever: at Sigpair first, in every epoch, then here. Cut off in between it is repeated: Sigpair says the same
 * again, and this device still has what it needs to ask.
 *
 * Source: docs/spec/flows.md, section 14.
 */
export async function deleteWallet(
  device: Device,
  stock: Stock<Presignature>,
  { keyId, profileId }: Wallet,
  twoFactorCode?: TwoFactorCode,
): Promise<void> {
  const { api, backend, vault, platform } = device
  await device.exclusively(keyId, async () => {
    if ((await findWallet(vault, keyId)) === undefined) return
    await reconcile(device, stock, keyId).catch(unlessDeleted)
    const { epoch, secret } = heldShare(backend, await loadWallet(vault, keyId))
    secret.fill(0)
    const intent = signIntent(platform, await device.identity(), { op: 'delete', keyId, epoch }, {})
    const body = { intent, ...(twoFactorCode === undefined ? {} : { twoFactorCode }) }
    await api.deleteProfile(profileId, body).catch(unlessDeleted)
    stock.clear(keyId)
    await dropWallet(vault, keyId)
  })
}

/** Erased already, in a run whose answer was lost. Only `KEY_DELETED` says so: what is not found may be another user's. */
function unlessDeleted(error: unknown): void {
  if (!(error instanceof TandemError) || error.code !== 'KEY_DELETED') throw error
}
