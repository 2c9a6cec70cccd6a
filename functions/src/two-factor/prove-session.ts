import type { Caller } from '@tandem/service'
import type { TwoFactorCode } from '@tandem/wire'
import type { Session } from '../ports/sessions.ts'
import type { RequireTwoFactor } from './require.ts'

export type ProveSessionDeps = {
  readonly requireTwoFactor: RequireTwoFactor
  /** durable: from then on no code is asked for this session */
  readonly markProven: (session: Session) => Promise<void>
  readonly tellSigpair: (caller: Caller, session: Session) => Promise<object>
}

/** Proves the second factor for a session, if the request brings a code for it. @throws {WireError} as {@link RequireTwoFactor} */
export type ProveSession = (caller: Caller, session: Session, code: TwoFactorCode | undefined) => Promise<void>

/**
 * Whether a signature needs the second factor is Sigpair's to say, by the policy; whether it was proven is ours. A code works
 * once and a signature may take several attempts, so what was proven is kept with the session: here first, so that a lost
 * answer costs no second code, and then at Sigpair. Spec: docs/spec/policy.md, section 6.
 */
export function proveSession({ requireTwoFactor, markProven, tellSigpair }: ProveSessionDeps): ProveSession {
  return async (caller, session, code) => {
    if (code === undefined) return
    if (!session.proven) {
      await requireTwoFactor(caller, code)
      await markProven(session)
    }
    await tellSigpair(caller, session)
  }
}
