import type { Caller } from '@tandem/service'
import type { ProfileResponse } from '@tandem/wire'
import type { Profile } from '../ports/profiles.ts'
import { type KeyView, profileView } from './profile-view.ts'

export type GetProfileDeps = {
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly readKey: (caller: Caller, keyId: string) => Promise<KeyView>
}

/** GET /api/v1/profiles/:id. The state of the key is asked of Sigpair each time. */
export const getProfile =
  (deps: GetProfileDeps) =>
  async (caller: Caller, profileId: string): Promise<ProfileResponse> => {
    const profile = await deps.requireProfile(caller.sub, profileId)
    return profileView(profile, await deps.readKey(caller, profile.keyId))
  }
