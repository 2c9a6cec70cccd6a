import type { Protocol } from '@tandem/rounds'
import { type ReshareResult, reshareInRounds } from './reshare-rounds.ts'
import { openReshare, type ReshareSetup } from './reshare-session.ts'
import { erasing } from '../staging/staging-finish.ts'
import type { StagingDeps } from '../staging/staging-session.ts'

/**
 * The same key for another committee, of any size and threshold: t of those who hold it deal their shares anew; X and chain
 * code stay, and nobody ever has the key. Run by the dealers and by everybody who joins.
 *
 * A party that joins yields one `store` entry named `stage` before its acknowledgement leaves, as in key generation. When
 * the new committee comes into force, and the old one may erase, is the commit of handover.ts: this function erases
 * nothing.
 *
 * Source: docs/spec/reshare.md.
 *
 * @throws {UsageError} for a setup no honest party could have: a statement without t signatures, indices that do not fit
 * @throws {ProtocolAbort} the run is over and its secrets are overwritten; culprits are places, the old share is untouched
 */
export function* reshare(setup: ReshareSetup, deps: StagingDeps): Protocol<ReshareResult> {
  const session = openReshare(setup, deps)
  return yield* erasing(session.secrets, reshareInRounds(session))
}
