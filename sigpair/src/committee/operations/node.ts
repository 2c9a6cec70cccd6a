import type { PartyIndex } from '@tandem/rounds'
import type { Stores } from '../../stores.ts'
import type { NodeName } from '../network.ts'
import type { Breathe } from './breath.ts'
import type { Calls } from './coordinate.ts'
import type { CommitteeDeps } from './deps.ts'
import type { Fault } from './faults.ts'
import type { Post } from './post.ts'
import type { Session, Sessions } from './sessions.ts'

/** One node that runs: what its configuration gave it, and what it keeps in memory. */
export type Node = CommitteeDeps & {
  readonly self: NodeName
  readonly post: Post
  readonly sessions: Sessions
  /** between two slices of arithmetic, of all sessions */
  readonly breathe: Breathe
  /** what this node coordinates */
  readonly calls: Calls
  /** the last ones, for `status` */
  readonly faults: Fault[]
  /** for the stores of pairs, which know nothing of committees */
  readonly stores: Stores
  /** called when a key has changed at this node */
  readonly watchers: Set<(keyId: string) => void>
  /** receipts and acknowledgements of handovers that are not complete yet, by key, stage and index */
  readonly receipts: Map<string, Map<PartyIndex, Uint8Array>>
  /** who has acknowledged a certificate that we spread */
  readonly acknowledged: Map<string, Set<NodeName>>
  /** sessions that ended in disagreement, the last ones */
  readonly disputes: Map<string, Session>
  /** how often a sweep has found the same stages of a key undecided */
  readonly sweeps: Map<string, { readonly place: string; readonly times: number }>
  /** what is being heard: a node closes when it is done */
  readonly busy: Set<Promise<void>>
  readonly closing: AbortController
}
