import { isStoreError, ref, type Store } from '@tandem/store'
import { WireError } from '@tandem/wire'
import { userTag } from './profiles.ts'

/** Wrong codes in a row that lock; six digits and a window of three steps give one in 66 667 for that. */
const MAX_FAILURES = 5
const FIRST_LOCK_MS = 15 * 60_000
/** 15 min · 2⁹ is five days. */
const MAX_DOUBLINGS = 9
/** Failures older than this are forgotten. */
const REMEMBERED_MS = 30 * 24 * 3_600_000

type Failures = {
  /** since the last success or lock */
  readonly failures: number
  /** since the last success */
  readonly locks: number
  /** ms since 1970 */
  readonly lockedUntil: number
}

const refOf = (user: string) => ref<Failures>('second-factor-failures', userTag(user))

/**
 * Compares codes of one user, all kinds together: each attempt is charged before it is compared, so that a crash or a
 * burst gives nobody another guess. A right code clears the count.
 *
 * @param now ms since 1970
 * @returns a function that throws {WireError} `RATE_LIMITED` while the user is locked out, `TWO_FACTOR_INVALID` when
 *          `isRight` says no
 */
export function lockout(store: Store, now: () => number) {
  return async (user: string, isRight: () => Promise<boolean>): Promise<void> => {
    await charge(store, user, now()).catch(refuseWhenOvertaken)
    if (!(await isRight())) throw new WireError('TWO_FACTOR_INVALID')
    await store.delete(refOf(user))
  }
}

function charge(store: Store, user: string, nowMs: number): Promise<void> {
  return store.transaction(async (tx) => {
    const found = await tx.get(refOf(user))
    const before = found?.data ?? { failures: 0, locks: 0, lockedUntil: 0 }
    if (before.lockedUntil > nowMs) {
      const retryAfter = Math.ceil((before.lockedUntil - nowMs) / 1000)
      throw new WireError('RATE_LIMITED', 'too many wrong codes', { retryAfter })
    }
    const after =
      before.failures + 1 < MAX_FAILURES ? { ...before, failures: before.failures + 1 } : locked(before, nowMs)
    const write = { expireAt: nowMs + REMEMBERED_MS }
    if (found === undefined) tx.create(refOf(user), after, write)
    else tx.update(refOf(user), after, write)
  })
}

/** So many at once that the store could not order them: that is nobody who types. */
function refuseWhenOvertaken(cause: unknown): never {
  if (!isStoreError(cause, 'CONFLICT')) throw cause
  throw new WireError('RATE_LIMITED', 'too many codes at once', { cause, retryAfter: 1 })
}

/** The last attempt locks as it begins; if it is right, that is undone. */
function locked({ locks }: Failures, nowMs: number): Failures {
  return { failures: 0, locks: locks + 1, lockedUntil: nowMs + FIRST_LOCK_MS * 2 ** Math.min(locks, MAX_DOUBLINGS) }
}
