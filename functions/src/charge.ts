import { type Allowance, allowanceHeaders } from '@tandem/service'
import { WireError } from '@tandem/wire'
import type { BucketName, Buckets } from './limits.ts'

/** One of an allowance, and what for, if that can be asked for again: then it counts once. */
export type Spending = { readonly bucket: BucketName; readonly what?: string }

export type ChargeDeps = {
  readonly buckets: Buckets
  readonly spend: (user: string, bucket: BucketName, what?: string) => Promise<Allowance | undefined>
  readonly setHeader: (name: string, value: string) => void
}

/**
 * Spends what a request costs, one after the other, and tells the caller what is left of each.
 *
 * @throws {WireError} `RATE_LIMITED` by the first that has nothing left
 */
export async function charge(deps: ChargeDeps, user: string, spendings: readonly Spending[]): Promise<void> {
  const known: Allowance[] = []
  try {
    for (const { bucket, what } of spendings) {
      const allowance = await spendOne(deps, user, bucket, what, known)
      if (allowance !== undefined) known.push(allowance)
    }
  } finally {
    tell(deps, known)
  }
}

async function spendOne(
  { buckets, spend }: ChargeDeps,
  user: string,
  bucket: BucketName,
  what: string | undefined,
  known: Allowance[],
): Promise<Allowance | undefined> {
  try {
    return await spend(user, bucket, what)
  } catch (cause) {
    const limit = buckets[bucket]
    const refused = cause instanceof WireError && cause.code === 'RATE_LIMITED'
    if (refused && limit !== null) known.push({ bucket: limit, remaining: 0, resetMs: (cause.retryAfter ?? 1) * 1000 })
    throw cause
  }
}

/** Both fields are lists of the draft's structured fields. */
function tell({ setHeader }: ChargeDeps, known: readonly Allowance[]): void {
  const all = known.map(allowanceHeaders)
  for (const name of ['ratelimit-policy', 'ratelimit'])
    if (all.length > 0) setHeader(name, all.map((headers) => headers[name]).join(', '))
}
