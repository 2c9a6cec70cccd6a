import { canonicalJson, type Commitment, commitment, WireError } from '@tandem/wire'
import type { EpochRecord, KeyRecord } from '../records.ts'

/** At a member: what put an epoch in force, kept for members that were away. Source: docs/spec/gateway.md 4.6. */
export type Kept = Pick<KeyRecord, 'commitment'>

/** Nothing in a pair. */
export function commitmentIn({ committee }: Pick<EpochRecord, 'committee'>, commit: Commitment): Kept {
  return committee ? { commitment: canonicalJson(commit) } : {}
}

/** @throws {WireError} `NOT_FOUND` where nothing is kept */
export function readCommitment({ commitment: kept }: Kept): Commitment {
  if (kept === undefined) throw new WireError('NOT_FOUND')
  return commitment.parse(JSON.parse(kept))
}
