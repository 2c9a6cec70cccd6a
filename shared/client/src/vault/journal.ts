import { limits } from '@tandem/wire'
import type { JournalEntry } from '@tandem/rounds'
import { TandemError } from '../errors.ts'
import type { Vault } from './vault.ts'
import { loadWallet, type PairState, saveWallet } from './wallet-record.ts'

/**
 * The device's write-ahead for ITS Δ, one durable put per entry: a check that was begun and not passed counts for ever,
 * eight of them with one peer and the pair with it is stale. Run ids need no list here: the device draws them itself.
 *
 * Source: docs/spec/abort.md.
 *
 * @throws {TandemError} `WALLET_FROZEN` when no more checks may be begun; nothing is sent then
 */
export async function recordCheck(vault: Vault, keyId: string, entry: JournalEntry): Promise<void> {
  if (entry.entry === 'store') throw new TypeError('a check opens or passes')
  const { peer } = entry
  const record = await loadWallet(vault, keyId)
  if (!record.pairs.some((pair) => pair.peer === peer)) throw frozen()
  const change = entry.entry === 'open' ? opened : passed
  const pairs = record.pairs.map((pair) => (pair.peer === peer ? change(pair) : pair))
  await saveWallet(vault, { ...record, pairs })
}

/**
 * Destroys the OT seeds with these peers, durably, before anything else happens. In a pair the wallet is frozen by it; beside a
 * committee the pairs with others go on.
 */
export async function poison(vault: Vault, keyId: string, peers: readonly number[]): Promise<void> {
  const record = await loadWallet(vault, keyId)
  const { current } = record
  const wiped = current?.pairs.map((pair) => (peers.includes(pair.peer) ? { ...pair, setup: new Uint8Array() } : pair))
  const pairs = record.pairs.map((pair) =>
    peers.includes(pair.peer) ? { ...pair, status: 'POISONED' as const } : pair,
  )
  await saveWallet(vault, { ...record, current: current && { ...current, pairs: wiped ?? [] }, pairs })
}

/** Whether another check may be begun on this pair. */
export function mayCheck({ status, opened, passed }: PairState): boolean {
  return status === 'ACTIVE' && opened - passed < limits.MAX_OPEN_CHECKS
}

function opened(pair: PairState): PairState {
  if (!mayCheck(pair)) throw frozen()
  return { ...pair, opened: pair.opened + 1 }
}

function passed(pair: PairState): PairState {
  if (pair.status !== 'ACTIVE') throw frozen()
  return { ...pair, passed: pair.passed + 1 }
}

export function frozen(): TandemError {
  return new TandemError('WALLET_FROZEN', 'A check failed on this wallet; re-pair it before it signs again.')
}
