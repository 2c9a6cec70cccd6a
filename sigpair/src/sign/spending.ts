import { UsageError } from '@tandem/rounds'
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

/** The counters of some assets in a transaction: what was found, and what is added before it is written. */
export type Ledger = {
  /** in the last `seconds`, additions included; of an asset that was not read, nothing */
  readonly spent: (asset: AssetName, seconds: number, now: number) => bigint
  readonly add: (asset: AssetName, amount: bigint) => void
  readonly write: (tx: Transaction, now: number) => void
}

/** Reads each asset's counter once. */
export async function readLedger(tx: Transaction, keyId: string, assets: readonly AssetName[]): Promise<Ledger> {
  const refs = new Map(assets.map((asset) => [spendingAt(keyId, asset).id, spendingAt(keyId, asset)]))
  const read = async ([id, at]: readonly [string, Ref<SpendingRecord>]) => [id, { at, doc: await tx.get(at) }] as const
  const counters = new Map(await Promise.all([...refs].map(read)))
  const additions = new Map<string, bigint>()
  const nameOf = (asset: AssetName) => spendingAt(keyId, asset).id
  return {
    spent: (asset, seconds, now) => {
      const before = spentWithin(counters.get(nameOf(asset))?.doc?.data.entries ?? [], seconds, now)
      return before + (additions.get(nameOf(asset)) ?? 0n)
    },
    add: (asset, amount) => void additions.set(nameOf(asset), amount + (additions.get(nameOf(asset)) ?? 0n)),
    write: (transaction, now) => {
      for (const [id, amount] of additions) charge(transaction, counters.get(id), amount, now)
    },
  }
}

/** What was spent in the last `seconds`. Something spent exactly so long ago counts no more. */
export function spentWithin(entries: readonly SpendingEntry[], seconds: number, now: number): bigint {
  const since = now - seconds * 1000
  return entries.reduce((sum, { at, amount }) => (at > since ? sum + BigInt(amount) : sum), 0n)
}

type Counter = { readonly at: Ref<SpendingRecord>; readonly doc: Doc<SpendingRecord> | undefined }

function charge(tx: Transaction, counter: Counter | undefined, amount: bigint, now: number): void {
  if (counter === undefined) throw new UsageError('spending of an asset whose counter was not read')
  const { at, doc } = counter
  const entries = added(doc?.data.entries ?? [], { at: now, amount: String(amount) })
  const options = { expireAt: now + LONGEST_MS }
  if (doc) tx.update(at, { entries }, options)
  else tx.create(at, { entries }, options)
}

/** The entries with one more, without those no window can reach. A clock that steps back makes nothing younger. */
export function added(entries: readonly SpendingEntry[], entry: SpendingEntry): readonly SpendingEntry[] {
  const at = Math.max(entry.at, entries.at(-1)?.at ?? 0)
  const live = [...entries.filter((known) => known.at > at - LONGEST_MS), { ...entry, at }]
  const [oldest, next, ...rest] = live
  if (live.length <= MAX_ENTRIES || !oldest || !next) return live
  return [{ at: next.at, amount: String(BigInt(oldest.amount) + BigInt(next.amount)) }, ...rest]
}
