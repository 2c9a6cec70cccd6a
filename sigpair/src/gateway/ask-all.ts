import type { MemberCall, Word } from './member-call.ts'

/** One member, and how to ask it. */
export type Member = {
  /** never rejects */
  readonly ask: (call: MemberCall) => Promise<Word>
  /** it had nothing to say to the last call that it should have answered by now */
  readonly isSilent: () => boolean
}

/** When the others are not waited for. */
export type Until = {
  /** whether what was heard so far decides */
  readonly enough: (words: readonly Word[]) => boolean
  /** from then on the others have this long */
  readonly patienceMs: number
  /** whether those are waited for, too, that are silent */
  readonly silentToo: boolean
}

/**
 * Asks all at once. Whoever is late still gets the call, and its answer is dropped: one member that hangs must not hold up
 * what the others have decided.
 *
 * @returns what was heard, in the order of indices
 */
export async function askAll(members: readonly Member[], call: MemberCall, until: Until): Promise<readonly Word[]> {
  const { enough, patienceMs, silentToo } = until
  const heard: Word[] = []
  const awaited = new Set(members)
  const isWanted = ({ isSilent }: Member) => silentToo || !isSilent()
  await new Promise<void>((resolve) => {
    let late: NodeJS.Timeout | undefined
    const judge = () => {
      const decided = awaited.size === 0 || enough(inOrder(heard))
      if (decided && ![...awaited].some(isWanted)) {
        clearTimeout(late)
        resolve()
      } else if (decided) late ??= setTimeout(resolve, patienceMs)
    }
    const hear = (member: Member, word: Word) => {
      heard.push(word)
      awaited.delete(member)
      judge()
    }
    judge()
    for (const member of members) void member.ask(call).then((word) => hear(member, word))
  })
  return inOrder(heard)
}

const inOrder = (words: readonly Word[]) => words.toSorted((a, b) => a.index - b.index)
