import { limits } from '@tandem/wire'
import type { JournalEntry } from '@tandem/rounds'
import { TandemError } from '../errors.ts'
import type { Vault } from './vault.ts'
import { loadWallet, saveWallet, type WalletRecord } from './wallet-record.ts'

/**
 * The device's write-ahead for ITS Δ, one durable put per entry: a check that was begun and not passed counts for ever,
 * eight of them and the pair is stale. Run ids need no list here: the device draws them itself.
 *
 * Source: docs/spec/abort.md.
 *
 * @throws {TandemError} `WALLET_FROZEN` when no more checks may be begun; nothing is sent then
 */
export async function recordCheck(vault: Vault, keyId: string, entry: JournalEntry): Promise<void> {
  if (entry.entry === 'store') throw new TypeError('a check opens or passes')
  const record = await loadWallet(vault, keyId)
  await saveWallet(vault, { ...record, pair: entry.entry === 'open' ? opened(record) : passed(record) })
}

/** Destroys the OT seeds and freezes the wallet, durably, before anything else happens. */
export async function poison(vault: Vault, keyId: string): Promise<void> {
  const record = await loadWallet(vault, keyId)
  const wiped = record.current === null ? null : { ...record.current, pair: new Uint8Array() }
  await saveWallet(vault, { ...record, current: wiped, pair: { ...record.pair, status: 'POISONED' } })
}

function opened({ pair }: WalletRecord): WalletRecord['pair'] {
  if (pair.status !== 'ACTIVE') throw frozen()
  if (pair.opened - pair.passed >= limits.MAX_OPEN_CHECKS) throw frozen()
  return { ...pair, opened: pair.opened + 1 }
}

function passed({ pair }: WalletRecord): WalletRecord['pair'] {
  if (pair.status !== 'ACTIVE') throw frozen()
  return { ...pair, passed: pair.passed + 1 }
}

export function frozen(): TandemError {
  return new TandemError('WALLET_FROZEN', 'A check failed on this wallet; re-pair it before it signs again.')
}
