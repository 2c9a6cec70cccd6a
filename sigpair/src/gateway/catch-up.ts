import { type CatchUpRequest, type CommitmentResponse, commitmentResponse, keyIdField } from '@tandem/wire'
import { askOwn, doneIn, type Gateway } from './gateway.ts'
import type { Fields, Word } from './member-call.ts'
import { mostOf, read, type Said } from './said.ts'

/** What a member says that is an epoch behind, or had not heard of the first commit. */
const BEHIND: ReadonlySet<string> = new Set(['EPOCH_MISMATCH', 'KEY_PENDING'])

/** Who cannot be helped is not shown the same again and again. */
const AGAIN_MS = 5_000

/** Members that were shown something, and when; forgotten with the process. */
const MAX_REMEMBERED = 1_000

export type CatchUp = (gateway: Gateway, keyId: string | undefined, words: readonly Word[]) => Promise<boolean>

/**
 * Shows members that were away what others have in force: t receipts, and the commit as it came. They believe that and nothing
 * else, so whoever asks may be wrong.
 *
 * @returns a function that tells whether somebody caught up: then the next call finds more members. Never rejects.
 *
 * Source: docs/spec/gateway.md 4.6.
 */
export function catcherUp(now: () => number = Date.now): CatchUp {
  const shown = new Map<string, number>()
  const isDue = (keyId: string, index: number) => now() - (shown.get(`${keyId}:${index}`) ?? -AGAIN_MS) >= AGAIN_MS
  return async (gateway, keyId, words) => {
    const id = keyIdField.safeParse(keyId).data?.toLowerCase()
    if (id === undefined) return false
    const behind = behindIn(words).filter((index) => isDue(id, index))
    if (behind.length === 0) return false
    if (shown.size > MAX_REMEMBERED) shown.clear()
    for (const index of behind) shown.set(`${id}:${index}`, now())
    return show(gateway, id, behind)
  }
}

/** Who says that it is behind, or tells of an older epoch than another. */
function behindIn(words: readonly Word[]): readonly number[] {
  const epochOf = (word: Word) => (word.said === 'done' ? epochIn(word.body) : undefined)
  const newest = Math.max(...words.map((word) => epochOf(word) ?? -1))
  return words.flatMap((word) => {
    const refuses = word.said === 'refused' && BEHIND.has(word.error.code)
    return refuses || (epochOf(word) ?? newest) < newest ? [word.index] : []
  })
}

/** Where an answer names the epoch in force: the status of a key, and what concerns its shares. */
function epochIn({ epoch, status }: Fields): number | undefined {
  if (status === 'PENDING') return -1
  return typeof epoch === 'number' ? epoch : undefined
}

async function show(gateway: Gateway, keyId: string, behind: readonly number[]): Promise<boolean> {
  const others = gateway.members.map((_, at) => at + 1).filter((index) => !behind.includes(index))
  const told = await askOwn(gateway, others, { method: 'GET', path: `/internal/keys/${keyId}/commitment` })
  const ahead = mostOf(read(commitmentResponse, told), placeOf)
  const [first] = ahead
  if (first === undefined || ahead.length < gateway.sizes.threshold) return false
  const body: CatchUpRequest = { receipts: receiptsOf(ahead), commit: first.answer.commit }
  const call = { method: 'POST', path: `/internal/keys/${keyId}/catch-up`, body } as const
  const words = await askOwn(gateway, behind, call, (heard) => heard.length === behind.length)
  const caught = doneIn(words).map(({ index }) => index)
  gateway.log.info({ event: 'catch-up', keyId, behind, caught })
  return caught.length > 0
}

/** What members must have in common to be witnesses of one epoch; each has signed a receipt of its own. */
function placeOf({ receipt: { stageId, epoch, conf }, commit }: CommitmentResponse) {
  return { stageId, epoch, conf, commit }
}

function receiptsOf(ahead: readonly Said<CommitmentResponse>[]): CatchUpRequest['receipts'] {
  return ahead.map(({ index, answer: { receipt } }) => ({ index, receipt }))
}
