import type { NodeName } from '../network.ts'
import type { errorOf, Hour } from './coordinate.ts'
import type { Ready } from './messages.ts'

// With whom a signature is tried again. Source: docs/spec/committee.md 5.2.

/** What one node says of others, or of the moment; everything else it says of itself. */
export const HEARSAY = new Set([
  'SILENT_PEER',
  'MALFORMED',
  'CANCELLED',
  'MISMATCH',
  'ECHO_MISMATCH',
  'UNATTRIBUTED',
  'EPOCH_MISMATCH',
  'REQUEST_IN_PROGRESS',
])

/** One of those who signed has spoilt the run, and nobody knows who. */
const DOUBTFUL = new Set(['MISMATCH', 'ECHO_MISMATCH', 'UNATTRIBUTED'])

/** Of nodes that were in runs of this command that failed. */
export type Misgivings = {
  /** who was silent, or could not be understood, or said that it would not */
  readonly avoided: Set<NodeName>
  /** in how many spoilt runs each was */
  readonly doubted: Map<NodeName, number>
}

type Failure = Parameters<typeof errorOf>[0]

/** A run of a signature, as our own part in it or another node tells it. */
export class RunFailed extends Error {
  override readonly name = 'RunFailed'
  readonly failure: Failure
  readonly from: NodeName
  readonly signers: readonly NodeName[]

  constructor(failure: Failure, from: NodeName, signers: readonly NodeName[]) {
    super(failure.code)
    this.failure = failure
    this.from = from
    this.signers = signers
  }
}

export function suspect({ avoided, doubted }: Misgivings, { failure, from, signers }: RunFailed, self: NodeName): void {
  const named = HEARSAY.has(failure.code) ? failure.silent : [from]
  for (const name of named) if (name !== self) avoided.add(name)
  if (!DOUBTFUL.has(failure.code)) return
  for (const name of signers) if (name !== self) doubted.set(name, (doubted.get(name) ?? 0) + 1)
}

/** At first those only of whom we think well, and whom the caller would like; then all that can be heard, the best first. */
export function preferred(
  ready: ReadonlyMap<NodeName, Ready>,
  { avoided, doubted }: Misgivings,
  { wanted, hour }: { readonly wanted: readonly NodeName[] | undefined; readonly hour: Hour },
): ReadonlyMap<NodeName, Ready> {
  const doubts = (name: NodeName) => doubted.get(name) ?? 0
  const heard = [...ready].filter(([name]) => !avoided.has(name))
  if (hour !== 'early') return new Map(heard.toSorted(([a], [b]) => doubts(a) - doubts(b)))
  return new Map(heard.filter(([name]) => doubts(name) === 0 && (wanted?.includes(name) ?? true)))
}
