import type { Caller } from '@tandem/service'
import type { KeyRecoveryKeyRequest, RecoveryKeyRequest, RecoveryKeyResponse } from '@tandem/wire'
import type { Profile } from '../ports/profiles.ts'
import type { ProveOnce } from '../two-factor/prove-once.ts'

export type RecoveryKeyDeps = {
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly proveOnce: ProveOnce
  readonly replaceRecoveryKey: (
    caller: Caller,
    keyId: string,
    request: KeyRecoveryKeyRequest,
  ) => Promise<RecoveryKeyResponse>
}

/** PUT /api/v1/profiles/:id/recovery-key: another recovery key, in force after a delay. Spec: docs/spec/flows.md, 10.1. */
export const replaceRecoveryKey =
  (deps: RecoveryKeyDeps) =>
  async (
    caller: Caller,
    profileId: string,
    { encryptionKey, intent, twoFactorCode }: RecoveryKeyRequest,
  ): Promise<RecoveryKeyResponse> => {
    const { keyId } = await deps.requireProfile(caller.sub, profileId)
    await deps.proveOnce(caller, intent, twoFactorCode)
    return deps.replaceRecoveryKey(caller, keyId, { body: { encryptionKey }, intent })
  }
