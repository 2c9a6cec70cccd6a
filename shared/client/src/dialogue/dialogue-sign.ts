import { type Backend, type OnlineMessage, type Signature, type SigningKey, sign } from '@tandem/ecdsa'
import { type JournalEntry, sessionId } from '@tandem/rounds'
import { fromHex } from '@tandem/wire'
import { DEVICE, type Dialogue, SIGPAIR } from './dialogue.ts'
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
  readonly onBan: () => Promise<void>
  readonly onProgress: OnProgress
}

/**
 * One signature in one dialogue. Sigpair assembles, verifies and stores it before the device gets it; the device verifies
 * it again.
 *
 * Source: docs/spec/flows.md, section 6.
 */
export async function signOnDevice(dialogue: Dialogue, run: SignRun): Promise<Signature> {
  const { platform, backend, key, message, onProgress } = run
  const session = {
    sigid: sessionId(fromHex(run.sigid)),
    signers: [DEVICE, SIGPAIR],
    message,
    assembler: SIGPAIR,
    range: 'evm' as const,
  }
  const signature = await runOnDevice(platform, dialogue, sign(session, key, { backend, rng: platform.random }), {
    record: run.record,
    onBan: run.onBan,
    onRound: (round) => {
      onProgress({ step: 'sign', round })
    },
  })
  dialogue.sendControl('stored')
  await dialogue.receiveControl('done')
  return signature
}
