import type { KeygenResult } from '@tandem/ecdsa'
import { ProtocolAbort, type Protocol, UsageError } from '@tandem/rounds'
import { WireError } from '@tandem/wire'
import { eraseStage } from '../../compute/erase.ts'
import type { NodeName } from '../network.ts'
import { blame } from './blame.ts'
import { adopt, askAbout, certifiedWithin, spread } from './handover.ts'
import { isSameHandover, readKey } from './keys.ts'
import type { Node } from './node.ts'
import type { ShareRecord } from './records.ts'
import { runIn } from './run-session.ts'
import type { Session } from './sessions.ts'
import { stageAndRehearse, type Staging } from './shares.ts'

/** A run that ends in a stage: keygen, refresh, reshare. */
export type StagedRun = {
  readonly staging: Staging
  /** who takes part, by the index that frames carry */
  readonly places: readonly NodeName[]
  /** of the shares in force: a cheat counts against their pairs, too */
  readonly current: Uint8Array | undefined
  /** who must hear of it: members old and new */
  readonly concerned: readonly NodeName[]
}

/** Ours is the share, or nothing if we leave. */
export type StagedProtocol = Protocol<KeygenResult | null>

/**
 * Runs it, until the committee it makes is in force here. A run that breaks off after we have acknowledged may have succeeded
 * elsewhere: then whoever holds the certificate has it.
 *
 * @throws {ProtocolAbort} {WireError}
 */
export async function runStaged(node: Node, session: Session, protocol: StagedProtocol, of: StagedRun): Promise<void> {
  const { staging, places, current, concerned } = of
  const { members, order } = staging
  const sharing = { threshold: thresholdOf(order), parties: members.length }
  const store = (bytes: Uint8Array) => stageAndRehearse(node, session, bytes, staging)
  const { repeatMs, readyMs } = node.timing
  try {
    const result = await runIn(node, session, protocol, { places, ssid: undefined, sharing, store })
    if (result) await certifyOwn(node, session, result, staging)
    const inForce = await certifiedWithin(node, session.keyId, staging, { ms: readyMs, signal: session.cancel.signal })
    if (!inForce) throw new WireError('MPC_SIGNING_FAILED', 'no certificate')
    if (session.coordinator === node.self) spread(node, session.keyId, staging, concerned)
  } catch (error) {
    const checked = (await stagedAs(node, session, staging))?.ssid
    await blame(node, session, error, { places, current, checked })
    if (error instanceof UsageError) throw new WireError('PROTOCOL_ABORTED', undefined, { cause: error })
    if (!(error instanceof ProtocolAbort) || error.verdict !== 'retry') throw error
    const record = await readKey(node, session.keyId)
    if (record) askAbout(node, record)
    if (!(await certifiedWithin(node, session.keyId, staging, { ms: 4 * repeatMs, signal: node.closing.signal })))
      throw error
  }
}

async function stagedAs(node: Node, { keyId }: Session, staging: Staging): Promise<ShareRecord | undefined> {
  return (await readKey(node, keyId))?.stages.find((one) => isSameHandover(one, staging))
}

function thresholdOf(order: Staging['order']): number {
  return 'threshold' in order.params ? order.params.threshold : 0
}

async function certifyOwn(node: Node, session: Session, result: KeygenResult, staging: Staging): Promise<void> {
  eraseStage(result)
  const staged = await stagedAs(node, session, staging)
  if (staged) await adopt(node, session.keyId, staged, result.certificate)
}

/** A protocol whose result is dressed up. */
export function* mapped<A, B>(protocol: Protocol<A>, map: (result: A) => B): Protocol<B> {
  return map(yield* protocol)
}
