import { ProtocolAbort } from '@tandem/rounds'
import { poison, recordFailure, strike } from '../../keys/pair-store.ts'
import type { NodeName } from '../network.ts'
import { dispute } from './evidence.ts'
import { noteFault } from './faults.ts'
import type { Node } from './node.ts'
import { pairName } from './records.ts'
import type { Session } from './sessions.ts'

/** Where the blame of an aborted run goes. */
export type Blamed = {
  /** by the index that the run gave them */
  readonly places: readonly NodeName[]
  /** of the shares in force, if there are any: every cheat counts against the pair of these */
  readonly current: Uint8Array | undefined
  /** of the shares whose pair a failed OT check poisons: those in force, or those that the run has staged */
  readonly checked: Uint8Array | undefined
  /** who signed, in a run that signs */
  readonly signers?: readonly NodeName[]
}

/**
 * Acts on the verdict before anybody hears of it: a ban poisons our pair with the culprit, everything else that accuses
 * counts. Nothing retries by itself after either.
 *
 * Source: docs/spec/abort.md, section 1; docs/spec/committee.md, section 8.
 */
export async function blame(node: Node, session: Session, error: unknown, blamed: Blamed): Promise<void> {
  // Who has not spoken yet in a run that is called off has done nothing.
  if (!(error instanceof ProtocolAbort) || error.code === 'CANCELLED') return
  const { code, round, verdict } = error
  const { places, current, checked } = blamed
  const named = error.culprits.flatMap((place) => places[place - 1] ?? [])
  const other = code === 'UNATTRIBUTED' ? otherOfTwo(node, blamed) : undefined
  if (other !== undefined && current) await recordFailure(node.stores, pairName(session.keyId, current, other))
  const culprits = other === undefined ? named : [other]
  for (const culprit of verdict === 'retry' ? [] : culprits) {
    const pairOf = (ssid: Uint8Array) => pairName(session.keyId, ssid, culprit)
    if (verdict === 'ban' && checked) await poison(node.stores, pairOf(checked))
    if (current && (verdict === 'strike' || current !== checked)) await strike(node.stores, pairOf(current))
  }
  noteFault(node, session, { code, round, culprits })
  if (code === 'MISMATCH' || code === 'ECHO_MISMATCH') dispute(node, session)
}

/** A sum that is wrong names nobody, unless two have made it: then we know that it was not us. */
function otherOfTwo({ self }: Node, { signers = [] }: Blamed): NodeName | undefined {
  return signers.length === 2 ? signers.find((name) => name !== self) : undefined
}
