import type { Caller } from '@tandem/service'
import type { KeyStatusResponse, ProfileResponse, RenameProfileRequest } from '@tandem/wire'
import type { Profile } from '../ports/profiles.ts'
import { profileView } from './profile-view.ts'

export type RenameProfileDeps = {
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly renameProfile: (owner: string, profileId: string, name: string) => Promise<Profile>
  readonly readKey: (caller: Caller, keyId: string) => Promise<KeyStatusResponse>
}

/** PATCH /api/v1/profiles/:id. The name is the backend's own: Sigpair knows keys, not what people call them. */
export const renameProfile =
  (deps: RenameProfileDeps) =>
  async (caller: Caller, profileId: string, { name }: RenameProfileRequest): Promise<ProfileResponse> => {
    const { keyId } = await deps.requireProfile(caller.sub, profileId)
    // First what may fail, so that a refusal has changed nothing.
    const key = await deps.readKey(caller, keyId)
    return profileView(await deps.renameProfile(caller.sub, profileId, name), key)
  }
