import {
  canonicalJson,
  type PrepareBatchResponse,
  prepareBatchResponse,
  type PrepareSessionResponse,
  prepareSessionResponse,
  type RhoParts,
  type SettleBatchRequest,
  settleBatchResponse,
  type SettleSessionRequest,
  settleSessionResponse,
} from '@tandem/wire'
import { refusal } from './agree.ts'
import { askOwn, type Gateway } from './gateway.ts'
import type { Word } from './member-call.ts'
import { mostOf, read, type Said } from './said.ts'

/** Which session or batch was prepared, and of which key. */
export type Prepared = { readonly id: string; readonly keyId: string }

/**
 * Shows each member what all drew, so that all fix the same ρ_S. Repeatable: what a member has fixed stays.
 *
 * @param words the members' answers to the preparation
 * @throws {WireError} what most say, or `UNAVAILABLE`, unless t members prepared the same and fixed the same
 *
 * Source: docs/spec/gateway.md 4.4.
 */
export async function settleSession(
  gateway: Gateway,
  { id, keyId }: Prepared,
  words: readonly Word[],
): Promise<PrepareSessionResponse> {
  const all = mostOf(read(prepareSessionResponse, words), ({ digest }) => digest)
  const { digest } = quorumOf(gateway, words, all)
  const { parts, fitting } = partsIn(all)
  const body: SettleSessionRequest = { keyId, parts }
  const path = `/internal/sessions/${id}/settle`
  const settling = await askOwn(gateway, fitting, { method: 'POST', path, body })
  const settled = mostOf(read(settleSessionResponse, settling), ({ rhoS }) => rhoS)
  const { rhoS } = quorumOf(gateway, settling, settled)
  return { digest, rhoS, expiresAt: earliest(all) }
}

/** The same for every session of a batch. */
export async function settleBatch(
  gateway: Gateway,
  { id, keyId }: Prepared,
  words: readonly Word[],
): Promise<PrepareBatchResponse> {
  const all = mostOf(read(prepareBatchResponse, words), ({ sessions }) =>
    sessions.map(({ sessionId, digest }) => ({ sessionId, digest })),
  )
  const prepared = quorumOf(gateway, words, all).sessions
  const choices = prepared.map((_, at) =>
    partsIn(all.map(({ index, answer }) => ({ index, answer: answer.sessions[at]! }))),
  )
  const sessions = prepared.map(({ sessionId }, at) => ({ sessionId, parts: choices[at]!.parts }))
  const body: SettleBatchRequest = { keyId, sessions }
  const path = `/internal/batches/${id}/settle`
  // a member has fixed all of a batch, or nothing
  const settling = await askOwn(gateway, choices[0]?.fitting ?? [], { method: 'POST', path, body })
  const settled = mostOf(read(settleBatchResponse, settling), (answer) => answer.sessions)
  const fixed = new Map(quorumOf(gateway, settling, settled).sessions.map(({ sessionId, rhoS }) => [sessionId, rhoS]))
  return {
    sessions: prepared.flatMap(({ sessionId, digest }) => {
      const rhoS = fixed.get(sessionId)
      return rhoS === undefined ? [] : [{ sessionId, digest, rhoS }]
    }),
    expiresAt: earliest(all),
  }
}

/** What t members say. @throws {WireError} if fewer do */
function quorumOf<T>({ sizes }: Gateway, words: readonly Word[], agreed: readonly Said<T>[]): T {
  const [lowest] = agreed
  if (lowest === undefined || agreed.length < sizes.threshold) throw refusal(words, agreed.length)
  return lowest.answer
}

type Drawn = Pick<PrepareSessionResponse, 'rhoS' | 'parts'>

/**
 * The parts to show: those of all that answered, or what some have fixed already with a gateway that went away meanwhile, if then
 * more of them come to the same.
 *
 * @returns `fitting`: who has fixed exactly these, or has fixed nothing and finds its own among them
 */
function partsIn(all: readonly Said<Drawn>[]): { readonly parts: RhoParts; readonly fitting: readonly number[] } {
  const drawn = all.map(({ index, answer: { rhoS } }) => ({ index, rhoS }))
  const candidates = [...all.flatMap(({ answer }) => (answer.parts ? [answer.parts] : [])), drawn]
  const [best] = candidates
    .map((parts) => ({ parts, fitting: drawn.filter((own, at) => fits(parts, own, all[at]?.answer.parts)) }))
    .toSorted((a, b) => b.fitting.length - a.fitting.length)
  return { parts: best?.parts ?? drawn, fitting: best?.fitting.map(({ index }) => index) ?? [] }
}

function fits(parts: RhoParts, own: RhoParts[number], fixed: RhoParts | undefined): boolean {
  if (fixed) return canonicalJson(fixed) === canonicalJson(parts)
  return parts.some(({ index, rhoS }) => index === own.index && rhoS === own.rhoS)
}

const earliest = (all: readonly Said<{ readonly expiresAt: number }>[]) =>
  Math.min(...all.map(({ answer }) => answer.expiresAt))
