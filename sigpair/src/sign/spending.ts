import { type Doc, type Ref, ref, type Transaction } from '@tandem/store'
import type { AssetName } from '../policy/policy-rules.ts'

/** presignatures/spending/{keyId}:{chain}:{asset}: what was released, oldest first. Never rolled back. */
export type SpendingRecord = { readonly entries: readonly SpendingEntry[] }

export type SpendingEntry = {
  /** ms since 1970 */
  readonly at: number
  /** decimal */
  readonly amount: string
}

/** The longest window a policy may have. */
const LONGEST_MS = 31 * 86_400_000

/** A document stays small: above this the two oldest entries become one, at the later time, which never counts less. */
export const MAX_ENTRIES = 512

export const spendingAt = (keyId: string, { chainId, asset }: AssetName): Ref<SpendingRecord> =>
  ref('spending', `${keyId.toLowerCase()}:${chainId}:${asset.toLowerCase()}`)

/** One asset's counter as a transaction found it. */
export type Counter = { readonly asset: AssetName; readonly doc: Doc<SpendingRecord> | undefined }

export async function readCounter(tx: Transaction, keyId: string, asset: AssetName): Promise<Counter> {
  return { asset, doc: await tx.get(spendingAt(keyId, asset)) }
}

/** What was spent in the last `seconds`. Something spent exactly so long ago counts no more. */
export function spentWithin(entries: readonly SpendingEntry[], seconds: number, now: number): bigint {
  const since = now - seconds * 1000
  return entries.reduce((sum, { at, amount }) => (at > since ? sum + BigInt(amount) : sum), 0n)
}

export function charge(tx: Transaction, keyId: string, { asset, doc }: Counter, amount: bigint, now: number): void {
  const entries = added(doc?.data.entries ?? [], { at: now, amount: String(amount) })
  const options = { expireAt: now + LONGEST_MS }
  if (doc) tx.update(spendingAt(keyId, asset), { entries }, options)
  else tx.create(spendingAt(keyId, asset), { entries }, options)
}

/** The entries with one more, without those no window can reach. A clock that steps back makes nothing younger. */
export function added(entries: readonly SpendingEntry[], entry: SpendingEntry): readonly SpendingEntry[] {
  const at = Math.max(entry.at, entries.at(-1)?.at ?? 0)
  const live = [...entries.filter((known) => known.at > at - LONGEST_MS), { ...entry, at }]
  const [oldest, next, ...rest] = live
  if (live.length <= MAX_ENTRIES || !oldest || !next) return live
  return [{ at: next.at, amount: String(BigInt(oldest.amount) + BigInt(next.amount)) }, ...rest]
}
