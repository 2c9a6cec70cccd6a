import type { KeyCare, KeyStatusResponse, ProfileResponse } from '@tandem/wire'
import type { Profile } from '../ports/profiles.ts'

/** What a profile shows of its key. */
export type KeyView = Pick<KeyStatusResponse, 'status' | 'epoch' | 'presignatures'> & KeyCare

/** A profile as its owner sees it: what we know, and what Sigpair says of the key right now. */
export function profileView(profile: Profile, key: KeyView): ProfileResponse {
  const { profileId, name, keyId, publicKey, address, createdAt } = profile
  const { status, epoch, presignatures, recoveryKey, backup, restore, exportedAt } = key
  return {
    profileId,
    name,
    keyId,
    publicKey,
    sessionWalletAddress: address,
    keyStatus: status,
    epoch,
    presignatures,
    ...(recoveryKey === undefined ? {} : { recoveryKey }),
    ...(backup === undefined ? {} : { backup }),
    ...(restore === undefined ? {} : { restore }),
    ...(exportedAt === undefined ? {} : { exportedAt }),
    createdAt: new Date(createdAt).toISOString(),
  }
}
