import type { KeyStatusResponse, ProfileResponse } from '@tandem/wire'
import type { Profile } from '../ports/profiles.ts'

/** What a profile shows of its key. */
export type KeyView = Pick<KeyStatusResponse, 'status' | 'epoch' | 'presignatures'>

/** A profile as its owner sees it: what we know, and what Sigpair says of the key right now. */
export function profileView(profile: Profile, key: KeyView): ProfileResponse {
  const { profileId, name, keyId, publicKey, address, createdAt } = profile
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
