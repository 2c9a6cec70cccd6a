import { type Backend, type Presignature, presign, type SigningKey } from '@tandem/ecdsa'
import { type JournalEntry, sessionId } from '@tandem/rounds'
import { done, fromHex, toBase64url } from '@tandem/wire'
import { DEVICE, type Dialogue, SIGPAIR } from './dialogue.ts'
import { TandemError } from '../errors.ts'
import type { Platform } from '../platform.ts'
import { type OnProgress, runOnDevice } from './run-host.ts'

export type PresignRun = {
  readonly platform: Platform
  readonly backend: Backend
  readonly key: SigningKey
  /** 0x-hex, one per run, as the hello named them */
  readonly sigids: readonly string[]
  readonly record: (entry: JournalEntry) => Promise<void>
  readonly onBan: () => Promise<void>
  readonly onProgress: OnProgress
}

/** A presignature by the name both sides use for it. */
export type Stocked = { readonly id: string; readonly value: Presignature }

/**
 * As many presignatures as Sigpair granted, one after the other; only those that Sigpair confirmed to have stored are kept.
 *
 * Source: docs/spec/flows.md, section 4.
 */
export async function presignOnDevice(dialogue: Dialogue, run: PresignRun): Promise<Stocked[]> {
  const { platform, backend, key, onProgress } = run
  const granted = run.sigids.slice(0, dialogue.answer.count ?? 0)
  const made: Stocked[] = []
  for (const [at, sigid] of granted.entries()) {
    const session = { sigid: sessionId(fromHex(sigid)), signers: [DEVICE, SIGPAIR] }
    const value = await runOnDevice(platform, dialogue, presign(session, key, { backend, rng: platform.random }), run)
    made.push({ id: toBase64url(value.id), value })
    onProgress({ step: 'presign', round: at + 1 })
  }
  dialogue.sendControl('stored')
  const answer = done.safeParse(await dialogue.receiveControl('done'))
  if (!answer.success) throw new TandemError('ANSWER_REFUSED', 'Sigpair did not say which presignatures it stored.')
  const stored = new Set(answer.data.presignatures)
  return made.filter(({ id }) => stored.has(id))
}
