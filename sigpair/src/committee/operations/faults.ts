import { ProtocolAbort } from '@tandem/rounds'
import { poison, strike } from '../../keys/pair-store.ts'
import type { NodeName } from '../network.ts'
import { dispute } from './evidence.ts'
import type { Node } from './node.ts'
import { pairName } from './records.ts'
import type { Session } from './sessions.ts'

/** A check that failed, for an operator. */
export type Fault = {
  /** ms since 1970 */
  readonly at: number
  readonly sessionId: string
  readonly keyId: string
  readonly operation: Session['operation']
  readonly code: string
  readonly round: number
  readonly culprits: readonly NodeName[]
}

const REMEMBERED = 32

/** Where the blame of an aborted run goes. */
export type Blamed = {
  /** by the index that the run gave them */
  readonly places: readonly NodeName[]
  /** of the shares whose pairs the run used; of those in force, if it made new ones */
  readonly ssids: readonly Uint8Array[]
}

/**
 * Acts on the verdict before anybody hears of it: a ban poisons our pair with the culprit, everything else that accuses
 * counts. Nothing retries by itself after either.
 *
 * Source: docs/spec/abort.md; docs/spec/committee.md, section 8.
 */
export async function blame(node: Node, session: Session, error: unknown, { places, ssids }: Blamed): Promise<void> {
  if (!(error instanceof ProtocolAbort)) return
  const { code, round, verdict } = error
  const culprits = error.culprits.flatMap((place) => places[place - 1] ?? [])
  if (verdict !== 'retry') {
    for (const culprit of culprits) {
      for (const ssid of ssids) {
        const name = pairName(session.keyId, ssid, culprit)
        await (verdict === 'ban' ? poison(node.stores, name) : strike(node.stores, name))
      }
    }
  }
  noteFault(node, session, { code, round, culprits })
  if (code === 'MISMATCH' || code === 'ECHO_MISMATCH') dispute(node, session)
}

/** In the log, and in `status`. */
export function noteFault(node: Node, session: Session, fault: Pick<Fault, 'code' | 'round' | 'culprits'>): void {
  const { id: sessionId, keyId, operation } = session
  node.log.warn({ event: 'committee.fault', sessionId, keyId, operation, ...fault })
  node.faults.push({ at: node.now(), sessionId, keyId, operation, ...fault })
  node.faults.splice(0, node.faults.length - REMEMBERED)
}
