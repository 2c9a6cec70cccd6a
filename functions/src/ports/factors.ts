import { ref, type Store } from '@tandem/store'
import { userTag } from './profiles.ts'
import { takeOnce } from './take-once.ts'
import { appendUserAudit, readUserAudit, type UserEvent } from './user-audit.ts'

/** A credential of WebAuthn: public data only. */
export type Passkey = {
  /** base64url */
  readonly id: string
  /** what the user calls it */
  readonly name: string
  /** COSE */
  readonly publicKey: Uint8Array
  /** signatures so far, or 0 for ever: a copy of an authenticator falls behind */
  readonly counter: number
  readonly transports: readonly string[]
  /** ms since 1970 */
  readonly createdAt: number
}

/** The second factors of one user. */
export type Enrolment = {
  /** `lastStep`: time step (30 s) of the last code accepted; it and those before it are refused */
  readonly totp: { readonly sealed: Uint8Array; readonly lastStep: number } | null
  /** a TOTP secret nobody has confirmed yet; `proved`: whoever began had proved the second factor there was */
  readonly pending: { readonly sealed: Uint8Array; readonly until: number; readonly proved: boolean } | null
  /** fingerprints of the recovery codes nobody has used */
  readonly recovery: readonly string[]
  readonly passkeys: readonly Passkey[]
}

const NONE: Enrolment = { totp: null, pending: null, recovery: [], passkeys: [] }

/** A challenge for an authenticator, good for one answer. */
export type PasskeyChallenge = { readonly challenge: string; readonly proved: boolean }

export type ChallengePurpose = 'register' | 'assert'

export type Factors = {
  readonly read: (owner: string) => Promise<Enrolment>
  /** One transaction: `next` may run more than once, and what it throws changes nothing. */
  readonly change: <R>(owner: string, next: (enrolment: Enrolment) => Promise<Changed<R>> | Changed<R>) => Promise<R>
  readonly erase: (owner: string) => Promise<void>
  /** In place of an earlier one that was not answered. */
  readonly putChallenge: (owner: string, purpose: ChallengePurpose, challenge: PasskeyChallenge) => Promise<void>
  /** Once; undefined when there is none, or no longer. */
  readonly takeChallenge: (owner: string, purpose: ChallengePurpose) => Promise<PasskeyChallenge | undefined>
}

export type Changed<R> = {
  readonly enrolment: Enrolment
  readonly result: R
  /** for the user's log, written with the change */
  readonly event?: UserEvent
}

export function isEnabled({ totp, passkeys }: Enrolment): boolean {
  return totp !== null || passkeys.length > 0
}

/** As long as the browser waits for the user. */
export const CHALLENGE_MS = 5 * 60_000

/** @param now ms since 1970 */
export function factors(store: Store, now: () => number): Factors {
  const at = (owner: string) => ref<Enrolment>('second-factors', userTag(owner))
  const challengeAt = (owner: string, purpose: ChallengePurpose) =>
    ref<PasskeyChallenge>('passkey-challenges', `${purpose}:${userTag(owner)}`)
  return {
    read: async (owner) => (await store.get(at(owner)))?.data ?? NONE,
    change: (owner, next) =>
      store.transaction(async (tx) => {
        const doc = await tx.get(at(owner))
        const tail = await readUserAudit(tx, owner)
        const { enrolment, result, event } = await next(doc?.data ?? NONE)
        if (doc === undefined) tx.create(at(owner), enrolment)
        else tx.update(at(owner), enrolment)
        if (event) appendUserAudit(tx, tail, now(), event)
        return result
      }),
    erase: (owner) =>
      store.transaction(async (tx) => {
        const doc = await tx.get(at(owner))
        const tail = await readUserAudit(tx, owner)
        if (doc === undefined) return
        tx.delete(at(owner))
        appendUserAudit(tx, tail, now(), { method: 'second-factor.disable' })
      }),
    putChallenge: (owner, purpose, challenge) =>
      store.transaction(async (tx) => {
        const found = await tx.get(challengeAt(owner, purpose))
        const write = { expireAt: now() + CHALLENGE_MS }
        if (found === undefined) tx.create(challengeAt(owner, purpose), challenge, write)
        else tx.update(challengeAt(owner, purpose), challenge, write)
      }),
    takeChallenge: (owner, purpose) => takeOnce(store, challengeAt(owner, purpose)),
  }
}
