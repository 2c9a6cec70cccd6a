import { type Backend, decodePair, decodeShare, type KeyShare, openPair, type SigningKey } from '@tandem/ecdsa'
import { SIGPAIR } from '../dialogue/dialogue.ts'
import { TandemError } from '../errors.ts'
import { frozen } from '../vault/journal.ts'
import type { DeviceEpoch, WalletRecord } from '../vault/wallet-record.ts'

/**
 * The share of a wallet's current epoch.
 *
 * @throws {TandemError} `KEY_PENDING` before the commit; `WALLET_FROZEN` once the pair is poisoned or stale; `VAULT` for a
 *         damaged share
 */
export function currentShare(backend: Backend, record: WalletRecord): KeyShare {
  const { current, pair } = record
  if (current !== null && (pair.status !== 'ACTIVE' || current.pair.length === 0)) throw frozen()
  return heldShare(backend, record)
}

/**
 * The share of the current epoch, whether its pair signs or not: all that backup, rotation and export need.
 *
 * @throws {TandemError} `KEY_PENDING` before the first commit; `VAULT` for a damaged share
 */
export function heldShare(backend: Backend, { current }: WalletRecord): KeyShare {
  if (current === null) throw new TandemError('KEY_PENDING', 'This wallet is not in force yet; call resume().')
  return intact(() => decodeShare(backend, current.share))
}

/** The share of an epoch that is not in force yet. @throws {TandemError} `VAULT` for a damaged share */
export function stagedShare(backend: Backend, stage: DeviceEpoch): KeyShare {
  return intact(() => decodeShare(backend, stage.share))
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
