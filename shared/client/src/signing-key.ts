import { type Backend, decodeShare, decodePair, openPair, type SigningKey } from '@tandem/ecdsa'
import { SIGPAIR } from './dialogue.ts'
import { TandemError } from './errors.ts'
import { frozen } from './journal.ts'
import type { WalletRecord } from './wallet-record.ts'

/**
 * The key of a wallet, ready to sign.
 *
 * @throws {TandemError} `KEY_PENDING` before the commit; `WALLET_FROZEN` once the pair is poisoned or stale; `VAULT` for a
 *         damaged share
 */
export function signingKey(backend: Backend, record: WalletRecord): SigningKey {
  const { current, pair } = record
  if (current === null) throw new TandemError('KEY_PENDING', 'This wallet is not in force yet; call resume().')
  if (pair.status !== 'ACTIVE' || current.pair.length === 0) throw frozen()
  try {
    const share = decodeShare(backend, current.share)
    return { share, pairs: new Map([[SIGPAIR, openPair(backend, decodePair(backend, share, current.pair))]]) }
  } catch (cause) {
    throw new TandemError('VAULT', 'The share in the vault is damaged; restore this wallet from a backup.', { cause })
  }
}
