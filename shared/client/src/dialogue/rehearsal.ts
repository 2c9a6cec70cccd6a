import {
  type Backend,
  encodePair,
  encodeShare,
  hideSecrets,
  openPair,
  type PairSetup,
  presign,
  type Stage,
} from '@tandem/ecdsa'
import { sessionId } from '@tandem/rounds'
import { fromHex } from '@tandem/wire'
import { DEVICE, type Dialogue, SIGPAIR } from './dialogue.ts'
import { TandemError } from '../errors.ts'
import type { Platform } from '../platform.ts'
import { type OnProgress, runOnDevice } from './run-host.ts'
import type { DeviceEpoch } from '../vault/wallet-record.ts'

/** A stage as the vault keeps it. @param stageId 0x-hex */
export function epochOf(backend: Backend, stageId: string, { share, pairs }: Stage): DeviceEpoch {
  const pair = encodePair(backend, onlyPair(pairs))
  return hideSecrets({ epoch: share.epoch, stageId, share: encodeShare(backend, share), pair })
}

export type Rehearsal = {
  readonly platform: Platform
  readonly backend: Backend
  readonly onProgress: OnProgress
}

/**
 * One presign on the new pair that both sides throw away: a setup that does not sign is found now, not when money waits for it.
 *
 * Source: docs/spec/flows.md 3.4.
 */
export async function rehearse(
  dialogue: Dialogue,
  { platform, backend, onProgress }: Rehearsal,
  { share, pairs }: Stage,
  stageId: string,
): Promise<void> {
  const key = { share, pairs: new Map([[SIGPAIR, openPair(backend, onlyPair(pairs))]]) }
  const session = { sigid: sessionId(fromHex(stageId)), signers: [DEVICE, SIGPAIR] }
  await runOnDevice(platform, dialogue, presign(session, key, { backend, rng: platform.random }), {
    // Nothing long-lived is at stake yet: a failed check discards the whole stage.
    record: async () => undefined,
    onRound: (round) => {
      onProgress({ step: 'rehearsal', round })
    },
  })
}

function onlyPair(pairs: readonly PairSetup[]): PairSetup {
  const [pair] = pairs
  if (pair === undefined) throw new TandemError('ANSWER_REFUSED', 'The new key has no pair.')
  return pair
}
