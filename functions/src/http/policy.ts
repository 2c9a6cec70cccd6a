import type { Caller } from '@tandem/service'
import type { PolicyResponse, PutPolicyRequest, SetPolicyRequest } from '@tandem/wire'
import type { Profile } from '../ports/profiles.ts'
import type { ProveOnce } from '../two-factor/prove-once.ts'

export type PolicyDeps = {
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly proveOnce: ProveOnce
  readonly readPolicy: (caller: Caller, keyId: string) => Promise<PolicyResponse>
  readonly setPolicy: (caller: Caller, keyId: string, request: SetPolicyRequest) => Promise<PolicyResponse>
}

/** GET /api/v1/profiles/:id/policy. Sigpair's word: it is the one who enforces it. */
export const readPolicy =
  (deps: PolicyDeps) =>
  async (caller: Caller, profileId: string): Promise<PolicyResponse> => {
    const { keyId } = await deps.requireProfile(caller.sub, profileId)
    return deps.readPolicy(caller, keyId)
  }

/** PUT /api/v1/profiles/:id/policy: the second factor here, the device's intent at Sigpair. */
export const setPolicy =
  (deps: PolicyDeps) =>
  async (
    caller: Caller,
    profileId: string,
    { policy, intent, twoFactorCode }: PutPolicyRequest,
  ): Promise<PolicyResponse> => {
    const { keyId } = await deps.requireProfile(caller.sub, profileId)
    await deps.proveOnce(caller, intent, twoFactorCode)
    return deps.setPolicy(caller, keyId, { policy, intent })
  }
