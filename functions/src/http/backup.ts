import type { Caller } from '@tandem/service'
import type { BackupRequest, BackupResponse, KeyBackupRequest } from '@tandem/wire'
import type { Profile } from '../ports/profiles.ts'
import type { ProveOnce } from '../two-factor/prove-once.ts'

export type BackUpDeps = {
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly proveOnce: ProveOnce
  readonly backUpKey: (caller: Caller, keyId: string, request: KeyBackupRequest) => Promise<BackupResponse>
}

/**
 * POST /api/v1/mpc/backup: Sigpair's share, encrypted to the owner's recovery key so that the device can verify it without
 * opening it. Spec: docs/spec/flows.md, 10.1.
 */
export const backUp =
  (deps: BackUpDeps) =>
  async (
    caller: Caller,
    { profileId, encryptionKey, intent, twoFactorCode }: BackupRequest,
  ): Promise<BackupResponse> => {
    const { keyId } = await deps.requireProfile(caller.sub, profileId)
    await deps.proveOnce(caller, intent, twoFactorCode)
    return deps.backUpKey(caller, keyId, { body: { encryptionKey }, intent })
  }
