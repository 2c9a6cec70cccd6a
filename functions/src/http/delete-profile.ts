import type { Caller } from '@tandem/service'
import {
  type DeleteProfileRequest,
  type DeleteProfileResponse,
  type KeyDeleteRequest,
  type KeyStatusResponse,
  WireError,
} from '@tandem/wire'
import type { DeletedProfile, Profile } from '../ports/profiles.ts'
import type { ProveOnce } from '../two-factor/prove-once.ts'

export type DeleteProfileDeps = {
  readonly findDeleted: (owner: string, profileId: string) => Promise<DeletedProfile | undefined>
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly proveOnce: ProveOnce
  readonly readKey: (caller: Caller, keyId: string) => Promise<KeyStatusResponse>
  readonly deleteKey: (caller: Caller, keyId: string, request: KeyDeleteRequest) => Promise<DeleteProfileResponse>
  readonly forgetProfile: (profile: Profile) => Promise<void>
}

/**
 * DELETE /api/v1/profiles/:id: first the shares, then the record that leads to them. Repeatable, and what was interrupted
 * is finished without another code. Spec: docs/spec/flows.md, 14.
 */
export const deleteProfile =
  (deps: DeleteProfileDeps) =>
  async (
    caller: Caller,
    profileId: string,
    { intent, twoFactorCode }: DeleteProfileRequest,
  ): Promise<DeleteProfileResponse> => {
    const deleted = await deps.findDeleted(caller.sub, profileId)
    if (deleted !== undefined) return { status: 'deleted', keyId: deleted.keyId }

    const profile = await deps.requireProfile(caller.sub, profileId)
    const answer = await erase(deps, caller, profile.keyId, { intent, twoFactorCode }).catch((cause: unknown) => {
      // Cut off between the shares and the record, or sent twice at once.
      if (isGone(cause)) return { status: 'deleted', keyId: profile.keyId } as const
      throw cause
    })
    await deps.forgetProfile(profile)
    return answer
  }

async function erase(
  { readKey, proveOnce, deleteKey }: DeleteProfileDeps,
  caller: Caller,
  keyId: string,
  { intent, twoFactorCode }: DeleteProfileRequest,
): Promise<DeleteProfileResponse> {
  const { status } = await readKey(caller, keyId)
  if (status === 'DELETED') return { status: 'deleted', keyId }
  await proveOnce(caller, intent, twoFactorCode)
  return deleteKey(caller, keyId, { body: {}, intent })
}

function isGone(cause: unknown): boolean {
  return cause instanceof WireError && cause.code === 'KEY_DELETED'
}
