import type { KeyStatusResponse, ProfileResponse, ProfilesResponse } from '@tandem/wire'
import type { Caller } from '@tandem/service'
import type { Profile } from '../ports/profiles.ts'

type ReadKey = (caller: Caller, keyId: string) => Promise<KeyStatusResponse>

export type GetProfileDeps = {
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly readKey: ReadKey
}

export type ListProfilesDeps = {
  readonly listProfiles: (owner: string) => Promise<readonly Profile[]>
  readonly readKey: ReadKey
}

/** GET /api/v1/profiles/:id. The state of the key is asked of Sigpair each time: nobody else knows it. */
export const getProfile =
  (deps: GetProfileDeps) =>
  async (caller: Caller, profileId: string): Promise<ProfileResponse> => {
    const profile = await deps.requireProfile(caller.sub, profileId)
    return view(profile, await deps.readKey(caller, profile.keyId))
  }

/** GET /api/v1/profiles: the caller's own, oldest first. */
export const listProfiles =
  (deps: ListProfilesDeps) =>
  async (caller: Caller): Promise<ProfilesResponse> => {
    const own = await deps.listProfiles(caller.sub)
    return { profiles: await Promise.all(own.map(async (p) => view(p, await deps.readKey(caller, p.keyId)))) }
  }

function view({ profileId, name, keyId, publicKey, address, createdAt }: Profile, key: KeyStatusResponse) {
  return {
    profileId,
    name,
    keyId,
    publicKey,
    sessionWalletAddress: address,
    keyStatus: key.status,
    epoch: key.epoch,
    presignatures: key.presignatures,
    createdAt: new Date(createdAt).toISOString(),
  }
}
