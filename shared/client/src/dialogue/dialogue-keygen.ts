import { type Backend, decodeStage, type KeygenResult, keygen } from '@tandem/ecdsa'
import { keyId as asKeyId } from '@tandem/rounds'
import { fromHex } from '@tandem/wire'
import { finish, type Legs } from './legs.ts'
import { TandemError } from '../errors.ts'
import type { DeviceIdentity } from '../identity.ts'
import { identitiesOf, sharingOf } from '../members.ts'
import type { PinnedKeys } from '../pin.ts'
import type { Platform } from '../platform.ts'
import { epochOf, rehearse } from './rehearsal.ts'
import { type OnProgress, runOnDevice } from './run-host.ts'
import type { DeviceEpoch } from '../vault/wallet-record.ts'

export type KeygenRun = {
  readonly platform: Platform
  readonly backend: Backend
  readonly device: DeviceIdentity
  readonly keys: PinnedKeys
  readonly keyId: string
  /** makes the stage durable; resolves before our acknowledgement leaves */
  readonly stage: (epoch: DeviceEpoch, publicKey: Uint8Array) => Promise<void>
  readonly onProgress: OnProgress
}

/**
 * Key generation, then presigns on the new pairs that all sides throw away: a setup that does not sign is found now, not when
 * money waits for it. Returns once everybody has confirmed to have stored its part.
 *
 * Source: docs/spec/flows.md 3.3–3.5, gateway.md 3.3.
 */
export async function keygenOnDevice(legs: Legs, run: KeygenRun): Promise<KeygenResult> {
  const { platform, backend, device, keys, onProgress } = run
  const { self, stageId } = legs
  if (stageId === undefined) throw new TandemError('ANSWER_REFUSED', 'Sigpair named no stage for the new key.')

  const setup = {
    keyId: asKeyId(fromHex(run.keyId)),
    self,
    ...sharingOf(keys),
    identities: identitiesOf(keys, device.identity),
  }
  const deps = { backend, rng: platform.random, sign: device.sign }
  const result = await runOnDevice(platform, legs, keygen(setup, deps), {
    record: async (entry) => {
      if (entry.entry !== 'store') return
      const staged = decodeStage(backend, entry.bytes)
      await run.stage(epochOf(backend, stageId, staged), staged.share.publicKey)
    },
    onRound: (round) => {
      onProgress({ step: 'keygen', round })
    },
  })
  await rehearse(legs, run, result, stageId)

  await finish(legs)
  return result
}
