import type { AuditHead, SignRequest, SignResponse } from '@tandem/wire'
import type { Caller } from '@tandem/service'
import type { TransactionSession } from '../ports/sessions.ts'
import { type SubmitDeps, submit } from '../submit.ts'
import type { ProveSession } from '../two-factor/prove-session.ts'

export type SignDeps = SubmitDeps & {
  readonly proveSession: ProveSession
  readonly requireTransaction: (owner: string, sessionId: string) => Promise<TransactionSession>
}

/** POST /api/v1/mpc/sign: signs a prepared transaction and hands it to the chain, once however often it is called. */
export const sign =
  (deps: SignDeps) =>
  async (caller: Caller, { sessionId, p1SignatureShare, twoFactorCode }: SignRequest): Promise<SignResponse> => {
    const session = await deps.requireTransaction(caller.sub, sessionId)
    if (session.state.status === 'prepared') await deps.proveSession(caller, session, twoFactorCode)
    let audit: AuditHead | undefined
    // The head is of now: it goes to the device with this answer, and is not kept for a repetition.
    const completeSession: SubmitDeps['completeSession'] = async (...asked) => {
      const answer = await deps.completeSession(...asked)
      audit = answer.audit
      return answer
    }
    const txHash = await submit({ ...deps, completeSession }, caller, session, p1SignatureShare)
    return { txHash, status: 'submitted', ...(audit && { audit }) }
  }
