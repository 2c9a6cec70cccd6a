import { type ErrorCode, WireError } from '@tandem/wire'
import type { Fields, Word } from './member-call.ts'
import type { Counting, Rule } from './rules.ts'
import { mostOf } from './said.ts'

/** How many members there are, and how many of them sign. */
export type Sizes = { readonly threshold: number; readonly members: number }

/** The end of each member's own audit chain; the answer has that of the lowest that agrees. */
const HEAD = 'audit'

/** How many members must have done a call for it to count. Source: docs/spec/gateway.md 4.2. */
export function needed(counts: Counting, { threshold, members }: Sizes): number {
  if (counts === 'any') return 1
  return counts === 'quorum' ? threshold : Math.max(threshold, members - threshold + 1)
}

/** The largest set of members that say the same, but for what each has of its own; of two as large, the one with the lowest. */
export function agreeing(words: readonly Word[], { own = [], latest = [], earliest = [] }: Rule) {
  const apart = new Set([HEAD, ...own, ...latest, ...earliest])
  const said = words.flatMap((word) => (word.said === 'done' ? [{ index: word.index, answer: word.body }] : []))
  return mostOf(said, (body) => Object.fromEntries(Object.entries(body).filter(([name]) => !apart.has(name))))
}

/**
 * One answer out of many.
 *
 * @param words in the order of their indices
 * @throws {WireError} what most of those say that answered, where too few have done it; `UNAVAILABLE` if most have
 */
export function merged(words: readonly Word[], rule: Rule, sizes: Sizes): Fields {
  const agreed = agreeing(words, rule)
  const [lowest] = agreed
  if (lowest === undefined || agreed.length < needed(rule.counts, sizes)) throw refusal(words, agreed.length)
  const times = (names: readonly string[] = [], choose: (...all: number[]) => number) =>
    Object.fromEntries(names.map((name) => [name, choose(...agreed.map(({ answer }) => Number(answer[name])))]))
  return {
    ...lowest.answer,
    ...times(rule.latest, Math.max),
    ...times(rule.earliest, Math.min),
    ...(rule.nodes && { nodes: nodesOf(words, rule.nodes) }),
  }
}

/** The same of every member that did it, whether it agrees or not: the device judges each by itself. */
function nodesOf(words: readonly Word[], names: readonly string[]): readonly object[] {
  return words.flatMap((word) => {
    if (word.said !== 'done') return []
    const { index, body } = word
    return [{ index, ...Object.fromEntries(names.flatMap((name) => (name in body ? [[name, body[name]]] : []))) }]
  })
}

/** The error that most say; of two as frequent, the lowest member's. @param done how many have done it after all */
export function refusal(words: readonly Word[], done: number): WireError {
  const counts = new Map<ErrorCode, { readonly error: WireError; readonly count: number }>()
  for (const word of words) {
    if (word.said !== 'refused') continue
    const { error, count } = counts.get(word.error.code) ?? { error: word.error, count: 0 }
    counts.set(word.error.code, { error, count: count + 1 })
  }
  const [most] = [...counts.values()].toSorted((a, b) => b.count - a.count)
  if (most === undefined || most.count < done) return new WireError('UNAVAILABLE', 'too few members have answered')
  return most.error
}
