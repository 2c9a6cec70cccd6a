import type { NodeName } from '../network.ts'
import type { Node } from './node.ts'
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

/** In the log, and in `status`. */
export function noteFault(node: Node, session: Session, fault: Pick<Fault, 'code' | 'round' | 'culprits'>): void {
  const { id: sessionId, keyId, operation } = session
  node.log.warn({ event: 'committee.fault', sessionId, keyId, operation, ...fault })
  node.faults.push({ at: node.now(), sessionId, keyId, operation, ...fault })
  node.faults.splice(0, node.faults.length - REMEMBERED)
}
