import {
  type Backend,
  encodePair,
  encodeShare,
  hideSecrets,
  type KeyShare,
  openPair,
  presign,
  rehearsalQuorums,
  type SigningSession,
  type Stage,
} from '@tandem/ecdsa'
import { sessionId } from '@tandem/rounds'
import { fromHex } from '@tandem/wire'
import { TandemError } from '../errors.ts'
import type { Platform } from '../platform.ts'
import type { Legs } from './legs.ts'
import { type OnProgress, runOnDevice } from './run-host.ts'
import type { DeviceEpoch } from '../vault/wallet-record.ts'

/** A stage as the vault keeps it. @param stageId 0x-hex */
export function epochOf(backend: Backend, stageId: string, { share, pairs }: Stage): DeviceEpoch {
  if (pairs.length !== share.parties - 1) throw new TandemError('ANSWER_REFUSED', 'The new key lacks a pair.')
  const held = pairs.map((pair) => ({ peer: pair.peer, setup: encodePair(backend, pair) }))
  return hideSecrets({ epoch: share.epoch, stageId, share: encodeShare(backend, share), pairs: held })
}

export type Rehearsal = {
  readonly platform: Platform
  readonly backend: Backend
  readonly onProgress: OnProgress
}

/**
 * A presign on the new pair that both sides throw away; beside a committee one with each of few quorums in which every two meet:
 * a setup that does not sign is found now, not when money waits for it.
 *
 * Source: docs/spec/flows.md 3.4, gateway.md 3.3.
 */
export async function rehearse(
  legs: Legs,
  { platform, backend, onProgress }: Rehearsal,
  { share, pairs }: Stage,
  stageId: string,
): Promise<void> {
  const key = { share, pairs: new Map(pairs.map((pair) => [pair.peer, openPair(backend, pair)])) }
  for (const session of rehearsals(backend, share, stageId)) {
    await runOnDevice(platform, legs, presign(session, key, { backend, rng: platform.random }), {
      // Nothing long-lived is at stake yet: a failed check discards the whole stage.
      record: async () => undefined,
      onRound: (round) => {
        onProgress({ step: 'rehearsal', round })
      },
    })
  }
}

/** What everybody rehearses, in this order: of a pair its stage names the run, of a committee ssid and signers do. */
function rehearsals({ sha256 }: Pick<Backend, 'sha256'>, share: KeyShare, stageId: string): readonly SigningSession[] {
  return rehearsalQuorums(share).map((signers) => {
    const ofQuorum = () => sha256(Uint8Array.from([...share.ssid, ...signers]))
    return { sigid: sessionId(share.withDevice === true ? ofQuorum() : fromHex(stageId)), signers }
  })
}
