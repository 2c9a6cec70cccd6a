/**
 * Which members of a committee did not answer, or failed, when they were last needed: a guess of whom to sign with, in memory and
 * soon forgotten. It never decides anything else. Source: docs/spec/gateway.md 2.4.
 */
export type Standing = {
  answered(members: Iterable<number>): void
  failed(members: Iterable<number>): void
  /** how often they failed, all together; 0 is best */
  failuresOf(members: Iterable<number>): number
}

/** A member that is back shall not wait longer for its next chance. */
const FORGOTTEN_MS = 60_000

/** @param now milliseconds */
export function createStanding(now: () => number): Standing {
  const failures = new Map<number, { readonly count: number; readonly at: number }>()
  const countOf = (index: number) => {
    const known = failures.get(index)
    return known === undefined || now() - known.at > FORGOTTEN_MS ? 0 : known.count
  }
  return {
    answered: (members) => {
      for (const index of members) failures.delete(index)
    },
    failed: (members) => {
      for (const index of members) failures.set(index, { count: countOf(index) + 1, at: now() })
    },
    failuresOf: (members) => [...members].reduce((sum, index) => sum + countOf(index), 0),
  }
}
