import { type Backend, decodePair, decodeShare, type KeyShare, openPair, type SigningKey } from '@tandem/ecdsa'
import { SIGPAIR } from '../dialogue/dialogue.ts'
import { TandemError } from '../errors.ts'
import { frozen } from '../vault/journal.ts'
import type { WalletRecord } from '../vault/wallet-record.ts'

/**
 * The share of a wallet's current epoch.
 *
 * @throws {TandemError} `KEY_PENDING` before the commit; `WALLET_FROZEN` once the pair is poisoned or stale; `VAULT` for a
 *         damaged share
 */
export function currentShare(backend: Backend, record: WalletRecord): KeyShare {
  const { current, pair } = record
  if (current === null) throw new TandemError('KEY_PENDING', 'This wallet is not in force yet; call resume().')
  if (pair.status !== 'ACTIVE' || current.pair.length === 0) throw frozen()
  return intact(() => decodeShare(backend, current.share))
}

/** As {@link currentShare}, with the pair opened: about a thousand hashes, so once per dialogue. */
export function signingKey(backend: Backend, record: WalletRecord): SigningKey {
  const share = currentShare(backend, record)
  const setup = intact(() => decodePair(backend, share, record.current?.pair ?? new Uint8Array()))
  return { share, pairs: new Map([[SIGPAIR, openPair(backend, setup)]]) }
}

function intact<T>(decode: () => T): T {
  try {
    return decode()
  } catch (cause) {
    throw new TandemError('VAULT', 'The share in the vault is damaged; restore this wallet from a backup.', { cause })
  }
}
