import {
  type CompleteBatchResponse,
  type KeepSignaturesRequest,
  type MemberBatchCompletion,
  memberBatchCompletion,
  WireError,
} from '@tandem/wire'
import { namesOf } from '../sign/batch-records.ts'
import { refusal } from './agree.ts'
import type { Told } from './assemble.ts'
import { type Candidates, candidatesIn, isDecided, nothingToKeep } from './candidates.ts'
import type { Gateway } from './gateway.ts'
import { hand } from './keep.ts'
import type { Word } from './member-call.ts'
import { mostOf, read, type Said } from './said.ts'
import type { Prepared } from './settle.ts'

export type CompletingBatch = Prepared & { readonly shares: readonly string[] | undefined }

/** One session of a batch: what members tell of it, and what follows. */
type Found = { readonly sessionId: string; readonly told: readonly Told[]; readonly candidates: Candidates }

/**
 * The signatures of a batch, all or none; otherwise as for one session. Nothing of a batch leaves while one of it is missing.
 *
 * @throws {WireError} as `combineSession`, `details` naming the operations that have no signature
 *
 * Source: docs/spec/gateway.md 4.5.
 */
export async function combineBatch(
  gateway: Gateway,
  { id, keyId, shares }: CompletingBatch,
  words: readonly Word[],
): Promise<CompleteBatchResponse> {
  const all = bySession(words)
  if (all.length === 0) throw refusal(words, 0)
  const found = all.map(({ sessionId, told }, at): Found => {
    return { sessionId, told, candidates: candidatesIn(gateway, words, told, shares?.[at]) }
  })
  requireAll(words, found, shares)
  const signatures = found.map(({ sessionId, candidates: { digest, signatures: made } }) => {
    return { sessionId, digest, signature: made[0] ?? '' }
  })
  const sessions = signatures.map(({ sessionId, signature }) => ({ sessionId, signature }))
  const body: KeepSignaturesRequest = { keyId, sessions }
  const call = { method: 'POST', path: `/internal/batches/${id}/signatures`, body } as const
  const why = await hand(gateway, call, havingAll(found))
  if (why !== undefined) throw why
  return { signatures }
}

/** Whether these answers make all signatures: then the others are not waited for. */
export function mayCombineBatch({ sizes }: Gateway, words: readonly Word[]): boolean {
  const all = bySession(words)
  return all.length > 0 && all.every(({ told }) => isDecided(sizes, told))
}

/** What each member tells, session by session, of those that tell of the same batch. */
function bySession(words: readonly Word[]): readonly { readonly sessionId: string; readonly told: readonly Told[] }[] {
  const idsOf = ({ sessions }: MemberBatchCompletion) => sessions.map(({ sessionId }) => sessionId)
  const all: readonly Said<MemberBatchCompletion>[] = mostOf(read(memberBatchCompletion, words), idsOf)
  const [first] = all
  if (first === undefined) return []
  return idsOf(first.answer).map((sessionId, at) => ({
    sessionId,
    told: all.map(({ index, answer }) => ({ index, answer: answer.sessions[at]! })),
  }))
}

function requireAll(words: readonly Word[], found: readonly Found[], shares: readonly string[] | undefined): void {
  const lost = [...found.keys()].filter((at) => found[at]?.candidates.signatures.length === 0)
  const [first] = lost
  if (first === undefined) return
  const { code, cause } = nothingToKeep(words, found[first]!.candidates, shares?.[first])
  throw new WireError(code, namesOf(lost), { cause })
}

/** Who has every signature of the batch needs none. */
function havingAll(found: readonly Found[]): readonly number[] {
  const indices = found[0]?.told.map(({ index }) => index) ?? []
  return indices.filter((_, at) =>
    found.every(({ told, candidates }) => told[at]?.answer.signature === candidates.signatures[0]),
  )
}
