import { decodeShare, derive } from '@tandem/ecdsa'
import type { Device } from '../device.ts'
import { TandemError } from '../errors.ts'
import { loadWallet } from '../vault/wallet-record.ts'
import type { Wallet } from './create-wallet.ts'
import { addressOf } from './transaction.ts'

/**
 * The address of a wallet's child below `path`, derived here from the key in the vault.
 *
 * @returns EIP-55; the wallet's own address for an empty path
 * @throws {TandemError} `KEY_PENDING` before the commit, `VALIDATION_FAILED` for a path that has no child
 *
 * Source: docs/spec/sign.md, section 3.
 */
export async function childAddress(device: Device, wallet: Wallet, path: readonly number[]): Promise<string> {
  const { backend, vault } = device
  const { current } = await loadWallet(vault, wallet.keyId)
  if (current === null) throw new TandemError('KEY_PENDING', 'This wallet is not in force yet; call resume().')
  const share = decodeShare(backend, current.share)
  share.secret.fill(0)
  try {
    return addressOf(derive(backend, share, path).publicKey)
  } catch (cause) {
    throw new TandemError('VALIDATION_FAILED', 'There is no such child: ten indices below 2^31 at most.', { cause })
  }
}
