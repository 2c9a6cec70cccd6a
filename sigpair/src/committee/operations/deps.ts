import type { Log } from '@tandem/service'
import type { Store } from '@tandem/store'
import type { CallerRequest } from '@tandem/wire'
import type { Arithmetic } from '../../compute/arithmetic.ts'
import type { Sealer } from '../../seal/seal.ts'
import type { Network } from '../network.ts'
import type { NodeIdentity } from '../node-identity.ts'
import type { PinnedCaller } from '../request.ts'

/** What one node of a committee works on. Everything in it is this node's own: no field came from a peer. */
export type CommitteeDeps = {
  readonly network: Network
  readonly identity: NodeIdentity
  /** a folder of its own, in no backup: it holds what must never roll back. Source: docs/spec/storage.md 1.2 */
  readonly store: Store
  readonly sealer: Sealer
  readonly callers: readonly PinnedCaller[]
  /** @throws {WireError} `POLICY_DENIED` for what this node does not sign, whatever the others do */
  readonly policy: (request: CallerRequest) => void | Promise<void>
  readonly arithmetic: Arithmetic
  readonly log: Log
  /** ms since 1970 */
  readonly now: () => number
  readonly timing: Timing
}

/** All in ms. */
export type Timing = {
  /** between two sendings of a broadcast that is not acknowledged */
  readonly repeatMs: number
  /** until everybody is ready, or has acknowledged */
  readonly readyMs: number
  /** of one round; a silent peer ends the run after it */
  readonly roundMs: number
  /** of a key that is PENDING: nothing that hangs or crashes keeps it longer */
  readonly leaseMs: number
  /** between a deletion and the erasure of the sealed record */
  readonly graceMs: number
  /** between two looks at what is late: leases, handovers nobody has decided, deletions nobody has heard of */
  readonly sweepMs: number
}

/** Of a committee over the internet. Source: docs/spec/committee.md, section 5. */
export const TIMING: Timing = {
  repeatMs: 250,
  readyMs: 10_000,
  roundMs: 12_000,
  leaseMs: 120_000,
  graceMs: 7 * 24 * 3_600_000,
  sweepMs: 15_000,
}
