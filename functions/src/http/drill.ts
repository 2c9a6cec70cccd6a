import type { Caller } from '@tandem/service'
import type { DrillRequest, DrillResponse } from '@tandem/wire'
import type { Profile } from '../ports/profiles.ts'

export type DrillDeps = {
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly drillKey: (caller: Caller, keyId: string, challenge: string) => Promise<DrillResponse>
}

/** POST /api/v1/mpc/drill: Sigpair proves that it holds its half; nothing is signed. Spec: docs/spec/flows.md, 10.3. */
export const drill =
  (deps: DrillDeps) =>
  async (caller: Caller, { profileId, challenge }: DrillRequest): Promise<DrillResponse> => {
    const { keyId } = await deps.requireProfile(caller.sub, profileId)
    return deps.drillKey(caller, keyId, challenge)
  }
