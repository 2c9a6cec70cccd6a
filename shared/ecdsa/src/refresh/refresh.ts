import type { Protocol } from '@tandem/rounds'
import { dealDeltas } from './refresh-deltas.ts'
import { dealPolynomial } from './refresh-polynomial.ts'
import { openRefresh, type RefreshSetup } from './refresh-session.ts'
import type { KeygenResult } from '../share.ts'
import { isAdditive } from '../sharing.ts'
import { stageInRounds } from '../staging/staging-rounds.ts'
import type { StagingDeps } from '../staging/staging-session.ts'

/**
 * New shares of the same key: epoch + 1, same X, same chain code; OT and zero seeds of every pair are made anew. Whoever
 * knows shares or seeds of one epoch knows nothing of the next. Re-pairing a frozen key is this, too.
 *
 * Yields one `store` entry named `stage` before the acknowledgement leaves, as key generation does. When the new epoch
 * comes into force, and the old one may be erased, is the staged commit of stage.ts.
 *
 * Source: docs/spec/refresh.md.
 *
 * @throws {ProtocolAbort} the run is over and its secrets are overwritten; the old share is untouched
 */
export function* refresh(setup: RefreshSetup, deps: StagingDeps): Protocol<KeygenResult> {
  const session = openRefresh(setup, deps)
  return yield* stageInRounds(session, () => (isAdditive(setup.share) ? dealDeltas(session) : dealPolynomial(session)))
}
