import { ref, type Store } from '@tandem/store'
import { limits, WireError } from '@tandem/wire'
import type { Counts } from './chain.ts'

/** One sender on one chain: what a nonce counts. */
export type Account = { readonly chainId: number; readonly address: string }

/** A nonce promised to one session. */
export type Reservation = {
  readonly nonce: number
  readonly sessionId: string
  /** ms since 1970; from then on the nonce is free, unless it is pinned */
  readonly until: number
  /** a signature may exist: time alone no longer frees the nonce, see settle.ts */
  readonly pinned: boolean
}

/**
 * Nonces of accounts, given out once each and without gaps, whatever instance asks: one document per account, changed
 * only in transactions. What the chain has counted is forgotten; what expired is given out again.
 */
export type Nonces = {
  /** @param countsOf asked inside the transaction, so that an overtaken attempt counts again */
  readonly reserve: (
    account: Account,
    session: Pick<Reservation, 'sessionId' | 'until'>,
    countsOf: () => Promise<Counts>,
  ) => Promise<number>
  /** One for each session, in their order: ascending, all or none. */
  readonly reserveAll: (
    account: Account,
    sessions: readonly Pick<Reservation, 'sessionId' | 'until'>[],
    countsOf: () => Promise<Counts>,
  ) => Promise<readonly number[]>
  /** @throws {WireError} `SESSION_CONSUMED` when the reservation has expired: its nonce may be another's by now */
  readonly pin: (account: Account, ...sessionIds: readonly string[]) => Promise<void>
  readonly free: (account: Account, ...sessionIds: readonly string[]) => Promise<void>
  /** Pinned reservations whose sessions ended at least `ms` ago. */
  readonly overdue: (account: Account, ms: number) => Promise<readonly Reservation[]>
}

type Ledger = { readonly taken: readonly Reservation[] }

/** How long after its session's end a signing may still be under way: an HTTP call or a dialogue, and clock skew. */
export const OVERDUE_MS = Math.max(limits.INTERNAL_CALL_MS, limits.DIALOGUE_MS) + 30_000

/** Prepared or waiting at once per account: nodes keep about this many of one sender. */
const MAX_OPEN = 64

/** An attempt asks the chain and is easily overtaken; each round one of those that race gets through. */
const MAX_ATTEMPTS = 30

/** @param now ms since 1970 */
export function nonces(store: Store, now: () => number): Nonces {
  const edit = <R>(account: Account, change: (taken: readonly Reservation[]) => Promise<Change<R>> | Change<R>) =>
    store.transaction(
      async (tx) => {
        const at = refOf(account)
        const doc = await tx.get(at)
        const { taken, result } = await change(doc?.data.taken ?? [])
        if (doc === undefined) tx.create(at, { taken })
        else tx.update(at, { taken })
        return result
      },
      { maxAttempts: MAX_ATTEMPTS },
    )

  const reserveAll: Nonces['reserveAll'] = (account, sessions, countsOf) =>
    edit(account, async (taken) => {
      const { latest, pending } = await countsOf()
      const live = taken.filter((r) => r.nonce >= latest && (r.pinned || r.until > now()))
      if (live.length + sessions.length > MAX_OPEN)
        throw new WireError('RATE_LIMITED', 'too many open transactions', { retryAfter: 60 })
      const free = freeNonces(live, pending, sessions.length)
      const added = sessions.map((session, i) => ({ ...session, nonce: free[i] ?? pending, pinned: false }))
      return { taken: [...live, ...added], result: free }
    })

  return {
    reserveAll,
    reserve: async (account, session, countsOf) => {
      const [nonce] = await reserveAll(account, [session], countsOf)
      if (nonce === undefined) throw new WireError('INTERNAL')
      return nonce
    },
    pin: (account, ...sessionIds) =>
      edit(account, (taken) => {
        const mine = taken.filter((r) => sessionIds.includes(r.sessionId))
        const late = mine.some((r) => !r.pinned && r.until <= now())
        if (late || mine.length < sessionIds.length) throw expired()
        return { taken: taken.map((r) => (mine.includes(r) ? { ...r, pinned: true } : r)), result: undefined }
      }),
    free: (account, ...sessionIds) =>
      edit(account, (taken) => ({ taken: taken.filter((r) => !sessionIds.includes(r.sessionId)), result: undefined })),
    overdue: async (account, ms) => {
      const doc = await store.get(refOf(account))
      return (doc?.data.taken ?? []).filter((r) => r.pinned && r.until + ms <= now())
    },
  }
}

type Change<R> = { readonly taken: readonly Reservation[]; readonly result: R }

/** What the caller of an expired session is told. */
export function expired(): WireError {
  return new WireError('SESSION_CONSUMED', 'the session has expired')
}

/** The lowest that nobody has, ascending. */
function freeNonces(live: readonly Reservation[], from: number, count: number): readonly number[] {
  const taken = new Set(live.map((r) => r.nonce))
  const free: number[] = []
  for (let nonce = from; free.length < count; nonce += 1) if (!taken.has(nonce)) free.push(nonce)
  return free
}

function refOf({ chainId, address }: Account) {
  return ref<Ledger>('nonces', `${chainId}:${address.toLowerCase()}`)
}
