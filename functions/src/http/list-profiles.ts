import type { Caller } from '@tandem/service'
import type { ProfilesResponse } from '@tandem/wire'
import type { Profile } from '../ports/profiles.ts'
import { type KeyView, profileView } from './profile-view.ts'

export type ListProfilesDeps = {
  /** oldest first */
  readonly listProfiles: (owner: string) => Promise<readonly Profile[]>
  readonly readKey: (caller: Caller, keyId: string) => Promise<KeyView>
}

/** GET /api/v1/profiles: the caller's own. */
export const listProfiles =
  (deps: ListProfilesDeps) =>
  async (caller: Caller): Promise<ProfilesResponse> => {
    const own = await deps.listProfiles(caller.sub)
    const view = async (profile: Profile) => profileView(profile, await deps.readKey(caller, profile.keyId))
    return { profiles: await Promise.all(own.map(view)) }
  }
