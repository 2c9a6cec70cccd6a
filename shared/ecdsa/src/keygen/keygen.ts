import type { Protocol } from '@tandem/rounds'
import { contribute } from './keygen-contribution.ts'
import { type KeygenSetup, openSession } from './keygen-session.ts'
import type { KeygenResult } from '../share.ts'
import { stageInRounds } from '../staging/staging-rounds.ts'
import type { StagingDeps } from '../staging/staging-session.ts'

/**
 * A new key for n parties, any t of whom will sign: four rounds, and every pair is set up both ways.
 *
 * Yields one `store` entry named `stage` before the acknowledgement leaves: its bytes are {@link encodeStage} of share
 * and pairs. The key is complete when this returns; when it comes into force is the service's commit.
 *
 * Source: docs/spec/keygen.md.
 *
 * @throws {ProtocolAbort} the run is over and its secrets are overwritten; draw a new key id
 */
export function* keygen(setup: KeygenSetup, deps: StagingDeps): Protocol<KeygenResult> {
  const session = openSession(setup, deps)
  return yield* stageInRounds(session, () => contribute(session))
}
