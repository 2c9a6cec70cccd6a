import {
  type CommitKeyRequest,
  type CommitKeyResponse,
  type CreateProfileRequest,
  type CreateProfileResponse,
  WireError,
} from '@tandem/wire'
import type { Caller } from '@tandem/service'
import { type Profile, profileIdOf } from '../ports/profiles.ts'

export type CreateProfileDeps = {
  readonly commitKey: (caller: Caller, request: CommitKeyRequest) => Promise<CommitKeyResponse>
  readonly addressOf: (publicKey: string) => Promise<string>
  readonly saveProfile: (profile: Profile) => Promise<Profile>
  /** ms since 1970 */
  readonly now: () => number
}

/**
 * POST /api/v2/profiles: puts a generated key in force and names it. Sigpair alone verifies the proof and the intent.
 * Repeatable: the same key answers the same profile. Spec: docs/spec/flows.md, 3.6 and 3.7.
 */
export const createProfile =
  (deps: CreateProfileDeps) =>
  async (caller: Caller, { name, clientShare, intent }: CreateProfileRequest): Promise<CreateProfileResponse> => {
    const key = await deps.commitKey(caller, { body: { name, clientShare }, intent })
    if (!same(key.keyId, clientShare.keyId) || !same(key.publicKey, clientShare.publicKey)) {
      throw new WireError('INTERNAL', undefined, { cause: new Error('Sigpair committed another key') })
    }

    const { keyId, publicKey, chainCode } = key
    const { profileId, address } = await deps.saveProfile({
      profileId: profileIdOf(keyId),
      owner: caller.sub,
      name,
      keyId,
      publicKey,
      chainCode,
      address: await deps.addressOf(publicKey),
      createdAt: deps.now(),
    })
    const { receipt, nodes, audit } = key
    return { profileId, sessionWalletAddress: address, receipt, ...(nodes && { nodes }), ...(audit && { audit }) }
  }

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}
