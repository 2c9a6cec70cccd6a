import { TandemError } from '../errors.ts'
import { type Member, membersOf } from '../members.ts'
import type { PinnedKeys } from '../pin.ts'

/**
 * The members whose word in an answer holds, each once, in index order, with what they said. An entry that does not hold counts
 * for nothing: who sent it may be the gateway, so it is no member's fault either.
 *
 * @param check throws a {@link TandemError} unless the entry is this member's
 */
export function vouching<E extends { readonly index: number }>(
  keys: PinnedKeys,
  entries: readonly E[] | undefined,
  check: (member: Member, entry: E) => void,
): readonly E[] {
  return membersOf(keys).flatMap((member) => {
    const own = entries?.filter(({ index }) => index === member.index) ?? []
    return own.filter((entry) => holds(() => check(member, entry))).slice(0, 1)
  })
}

function holds(check: () => void): boolean {
  try {
    check()
    return true
  } catch (cause) {
    if (cause instanceof TandemError) return false
    throw cause
  }
}
