import type { Caller } from '@tandem/service'
import type { FreezeRequest, FreezeResponse, KeyStatusResponse } from '@tandem/wire'
import type { Profile } from '../ports/profiles.ts'
import type { RequireTwoFactor } from '../two-factor/require.ts'

export type FreezeDeps = {
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly requireTwoFactor: RequireTwoFactor
  readonly readKey: (caller: Caller, keyId: string) => Promise<KeyStatusResponse>
  readonly freezeKey: (caller: Caller, keyId: string) => Promise<FreezeResponse>
}

/** POST /api/v1/mpc/freeze: without the device, which may be in a thief's hands. Spec: docs/spec/flows.md, 13. */
export const freeze =
  (deps: FreezeDeps) =>
  async (caller: Caller, { profileId, twoFactorCode }: FreezeRequest): Promise<FreezeResponse> => {
    const { keyId } = await deps.requireProfile(caller.sub, profileId)
    const { status } = await deps.readKey(caller, keyId)
    if (status !== 'FROZEN') await deps.requireTwoFactor(caller, twoFactorCode)
    return deps.freezeKey(caller, keyId)
  }
