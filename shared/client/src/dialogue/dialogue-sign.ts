import { type Backend, type OnlineMessage, type Signature, type SigningKey, sign } from '@tandem/ecdsa'
import { type JournalEntry, type PartyIndex, sessionId } from '@tandem/rounds'
import { fromHex } from '@tandem/wire'
import { DEVICE, SIGPAIR } from '../members.ts'
import { finish, type Legs } from './legs.ts'
import type { Platform } from '../platform.ts'
import { type OnProgress, runOnDevice } from './run-host.ts'

export type SignRun = {
  readonly platform: Platform
  readonly backend: Backend
  readonly key: SigningKey
  /** 0x-hex, as the hello named it */
  readonly sigid: string
  readonly message: OnlineMessage
  readonly record: (entry: JournalEntry) => Promise<void>
  readonly onBan: (culprits: readonly PartyIndex[]) => Promise<void>
  readonly onProgress: OnProgress
}

/**
 * One signature in one dialogue. Sigpair assembles, verifies and stores it before the device gets it; the device verifies
 * it again. Beside a committee everybody assembles.
 *
 * Source: docs/spec/flows.md, section 6; gateway.md 2.4.
 */
export async function signOnDevice(legs: Legs, run: SignRun): Promise<Signature> {
  const { platform, backend, key, message, onProgress } = run
  const session = {
    sigid: sessionId(fromHex(run.sigid)),
    signers: legs.signers,
    message,
    assembler: legs.self === DEVICE ? SIGPAIR : ('all' as const),
    range: 'evm' as const,
  }
  const signature = await runOnDevice(platform, legs, sign(session, key, { backend, rng: platform.random }), {
    record: run.record,
    onBan: run.onBan,
    onRound: (round) => {
      onProgress({ step: 'sign', round })
    },
  })
  await finish(legs)
  return signature
}
