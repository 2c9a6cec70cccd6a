import { type Backend, type Presignature, presign, type SigningKey } from '@tandem/ecdsa'
import { type JournalEntry, type PartyIndex, sessionId } from '@tandem/rounds'
import { done, fromHex, toBase64url } from '@tandem/wire'
import { TandemError } from '../errors.ts'
import { DEVICE } from '../members.ts'
import { finish, type Legs } from './legs.ts'
import type { Platform } from '../platform.ts'
import { type OnProgress, runOnDevice } from './run-host.ts'

export type PresignRun = {
  readonly platform: Platform
  readonly backend: Backend
  readonly key: SigningKey
  /** 0x-hex, one per run, as the hello named them */
  readonly sigids: readonly string[]
  readonly record: (entry: JournalEntry) => Promise<void>
  readonly onBan: (culprits: readonly PartyIndex[]) => Promise<void>
  readonly onProgress: OnProgress
}

/** A presignature by the name all sides use for it. */
export type Stocked = { readonly id: string; readonly value: Presignature }

/**
 * As many presignatures as were granted, one after the other; only those that everybody confirmed to have stored are kept.
 *
 * Source: docs/spec/flows.md, section 4; gateway.md 2.4.
 */
export async function presignOnDevice(legs: Legs, run: PresignRun): Promise<Stocked[]> {
  const { platform, backend, key, onProgress } = run
  const { signers } = legs
  const granted = grantedOf(legs, run.sigids)
  const made: Stocked[] = []
  for (const [at, sigid] of granted.entries()) {
    const session = { sigid: sessionId(fromHex(sigid)), signers }
    const value = await runOnDevice(platform, legs, presign(session, key, { backend, rng: platform.random }), run)
    made.push({ id: toBase64url(value.id), value })
    onProgress({ step: 'presign', round: at + 1 })
  }
  const stored = [...(await finish(legs)).values()].map(storedOf)
  return made.filter(({ id }) => stored.every((ids) => ids.has(id)))
}

/** Sigpair may have room for fewer; members grant all or nothing, since all have to make the same. */
function grantedOf({ self, each }: Legs, sigids: readonly string[]): readonly string[] {
  const counts = [...each].map(([index, { answer }]) => ({ index, count: answer.count ?? 0 }))
  const short = counts.filter(({ count }) => count < sigids.length).map(({ index }) => index)
  if (self === DEVICE || short.length === 0) return sigids.slice(0, counts[0]?.count)
  throw new TandemError('ANSWER_REFUSED', 'A member grants fewer presignatures than it was asked for.').by(short)
}

function storedOf(said: unknown): ReadonlySet<string> {
  const answer = done.safeParse(said)
  if (!answer.success) throw new TandemError('ANSWER_REFUSED', 'Sigpair did not say which presignatures it stored.')
  return new Set(answer.data.presignatures)
}
