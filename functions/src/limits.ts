import type { Bucket } from '@tandem/service'
import { z } from 'zod'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** How often one user may do what. The numbers are seed 003's; those it does not name are ours. Source: docs/spec/limits.md. */
const SEED = {
  /** a signature, counted at its commit or at the ticket of its dialogue, whichever is first */
  sign: { limit: 10, windowMs: MINUTE },
  /** keygen, rotate, restore, recovery key, policy, freeze, delete, each counted at its commit, restore at its request */
  key: { limit: 5, windowMs: HOUR },
  /** backup and export */
  backup: { limit: 3, windowMs: DAY },
  /** changes of the second factor */
  '2fa': { limit: 5, windowMs: HOUR },
  /** dialogues that stage a new key or a new epoch */
  'key-tickets': { limit: 30, windowMs: HOUR },
  /** every other dialogue */
  tickets: { limit: 30, windowMs: MINUTE },
} as const satisfies Record<string, Omit<Bucket, 'name'>>

export type BucketName = keyof typeof SEED

/** null: unlimited, for benchmarks */
export type Buckets = Readonly<Record<BucketName, Bucket | null>>

/** Each request reads and writes what was spent in its window: more than this would not be a limit but a load. */
const count = z.int().min(1).max(1_000).nullable().optional()

/** The variable `LIMITS`: other numbers for some of the allowances, over the same windows; null lifts one. */
export const limitsVariable = z.strictObject({
  sign: count,
  key: count,
  backup: count,
  '2fa': count,
  'key-tickets': count,
  tickets: count,
})

/** @param changed numbers by name; those absent stay as seed 003 has them */
export function bucketsOf(changed: z.infer<typeof limitsVariable> = {}): Buckets {
  const bucket = (name: BucketName): Bucket | null => {
    const { [name]: limit = SEED[name].limit } = changed
    return limit === null ? null : { name, windowMs: SEED[name].windowMs, limit }
  }
  return {
    sign: bucket('sign'),
    key: bucket('key'),
    backup: bucket('backup'),
    '2fa': bucket('2fa'),
    'key-tickets': bucket('key-tickets'),
    tickets: bucket('tickets'),
  }
}

/** The allowances that are looser than seed 003 has them. */
export function looserThanSeed(buckets: Buckets): readonly BucketName[] {
  return (Object.keys(SEED) as BucketName[]).filter((name) => (buckets[name]?.limit ?? Infinity) > SEED[name].limit)
}
