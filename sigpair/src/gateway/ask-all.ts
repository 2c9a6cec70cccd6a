import type { MemberCall, Word } from './member-call.ts'

/** One member, and how to ask it. Never rejects. */
export type Ask = (call: MemberCall) => Promise<Word>

/** When the others are not waited for. */
export type Until = {
  /** whether what was heard so far decides */
  readonly enough: (words: readonly Word[]) => boolean
  /** from then on the others have this long */
  readonly patienceMs: number
}

/**
 * Asks all at once. Whoever is late still gets the call, and its answer is dropped: one member that hangs must not hold up
 * what the others have decided.
 *
 * @returns what was heard, in the order of indices
 */
export async function askAll(members: readonly Ask[], call: MemberCall, until: Until): Promise<readonly Word[]> {
  const heard: Word[] = []
  await new Promise<void>((resolve) => {
    if (members.length === 0) return resolve()
    let late: NodeJS.Timeout | undefined
    const hear = (word: Word) => {
      heard.push(word)
      if (heard.length === members.length) {
        clearTimeout(late)
        return resolve()
      }
      if (late === undefined && until.enough(inOrder(heard))) late = setTimeout(resolve, until.patienceMs)
    }
    for (const ask of members) void ask(call).then(hear)
  })
  return inOrder(heard)
}

const inOrder = (words: readonly Word[]) => words.toSorted((a, b) => a.index - b.index)
