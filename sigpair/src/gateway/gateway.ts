import type { Backend } from '@tandem/ecdsa'
import type { Log, SigningKey } from '@tandem/service'
import type { CommitteeKeys } from '@tandem/wire'
import { agreeing, needed, type Sizes } from './agree.ts'
import { askAll, type Member } from './ask-all.ts'
import { type Done, type MemberCall, ownCall, type Word } from './member-call.ts'
import type { Rule } from './rules.ts'

/** What a gateway has: ways to its members, and nothing to keep. */
export type Gateway = {
  readonly sizes: Sizes
  /** in the order of their indices */
  readonly members: readonly Member[]
  /** what a device pins */
  readonly committee: CommitteeKeys
  /** signs calls of our own */
  readonly key: SigningKey
  readonly backend: Backend
  readonly patienceMs: number
  readonly log: Log
}

/**
 * What the members make of a call, once enough of them agree and the others had a moment.
 *
 * @param enough whether what was heard decides; by default, whether it counts
 */
export async function ask(
  gateway: Gateway,
  call: MemberCall,
  rule: Rule,
  enough: (words: readonly Word[]) => boolean = (words) => counts(gateway, words, rule),
): Promise<readonly Word[]> {
  const { waits } = rule
  const patienceMs = waits === 'for all' ? NO_HURRY_MS : gateway.patienceMs
  const words = await askAll(gateway.members, call, { enough, patienceMs, silentToo: waits === 'for silent, too' })
  const most = new Set(agreeing(words, rule).map(({ index }) => index))
  const isOrdinary = (word: Word) => word.said === 'refused' && rule.ordinary?.includes(word.error.code) === true
  const odd = words.filter((word) => !most.has(word.index) && !isOrdinary(word))
  if (most.size > 0) noteOdd(gateway, call, odd)
  return words
}

/** Longer than any call may take. */
const NO_HURRY_MS = 60_000

function counts({ sizes }: Gateway, words: readonly Word[], rule: Rule): boolean {
  return agreeing(words, rule).length >= needed(rule.counts, sizes)
}

/** A call of the gateway's own. */
export type OwnCall = { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: object }

/**
 * The gateway's own call to some members.
 *
 * @param to indices
 * @param enough whether what was heard decides; by default, whether t have done it
 */
export async function askOwn(
  gateway: Gateway,
  to: readonly number[],
  { method, path, body }: OwnCall,
  enough: (words: readonly Word[]) => boolean = (words) => doneIn(words).length >= gateway.sizes.threshold,
): Promise<readonly Word[]> {
  const call = await ownCall(gateway.key, method, path, body)
  const members = to.flatMap((index) => gateway.members[index - 1] ?? [])
  const words = await askAll(members, call, { enough, patienceMs: gateway.patienceMs, silentToo: false })
  const refusing = words.filter(({ said }) => said !== 'done')
  noteOdd(gateway, call, refusing)
  return words
}

export const doneIn = (words: readonly Word[]): readonly Done[] => words.filter((word) => word.said === 'done')

/** Whoever says something else than most. What it said stays out of the log: answers name users. */
function noteOdd({ log }: Gateway, { method, target }: MemberCall, odd: readonly Word[]): void {
  const spoken = odd.filter(({ said }) => said !== 'nothing')
  if (spoken.length === 0) return
  const members = spoken.map((word) => ({
    index: word.index,
    said: word.said === 'refused' ? word.error.code : 'other',
  }))
  // a refusal is a member's right; what was done otherwise is not what anybody wants
  const write = spoken.some(({ said }) => said === 'done') ? log.warn : log.info
  write({ event: 'members-disagree', method, path: target.split('?', 1)[0], members })
}
