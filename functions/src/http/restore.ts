import type { Caller } from '@tandem/service'
import type {
  CancelRestoreRequest,
  ConfirmRestoreRequest,
  RestoreRequest,
  RestoreResponse,
  RotateKeyResponse,
} from '@tandem/wire'
import type { KeyCalls } from '../ports/duo-node-keys.ts'
import type { Profile } from '../ports/profiles.ts'
import type { ProveOnce } from '../two-factor/prove-once.ts'
import { rotated } from './rotate-key.ts'

export type RestoreDeps = Pick<KeyCalls, 'requestRestore' | 'confirmRestore' | 'cancelRestore'> & {
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly proveOnce: ProveOnce
}

/**
 * POST /api/v1/mpc/restore: a device that opened the backup of the other half asks to take its place. Sigpair alone
 * verifies the proof. Spec: docs/spec/flows.md, 12.1.
 */
export const requestRestore =
  (deps: RestoreDeps) =>
  async (caller: Caller, request: RestoreRequest): Promise<RestoreResponse> => {
    const { profileId, reason, deviceKey, proof, intent, twoFactorCode } = request
    const { keyId } = await deps.requireProfile(caller.sub, profileId)
    await deps.proveOnce(caller, intent, twoFactorCode)
    return deps.requestRestore(caller, keyId, { body: { reason, deviceKey, proof }, intent })
  }

/** POST /api/v1/mpc/restore/:restoreId/confirm: the second factor was proved for the request. Spec: 12.5. */
export const confirmRestore =
  (deps: RestoreDeps) =>
  async (
    caller: Caller,
    restoreId: string,
    { profileId, stageId, backups, intent }: ConfirmRestoreRequest,
  ): Promise<RotateKeyResponse> => {
    const profile = await deps.requireProfile(caller.sub, profileId)
    const body = { restoreId, stageId, backups }
    return rotated(profile, await deps.confirmRestore(caller, profile.keyId, { body, intent }))
  }

/** POST /api/v1/mpc/restore/:restoreId/cancel, by the device that is enrolled. */
export const cancelRestore =
  (deps: RestoreDeps) =>
  async (
    caller: Caller,
    restoreId: string,
    { profileId, intent }: CancelRestoreRequest,
  ): ReturnType<RestoreDeps['cancelRestore']> => {
    const { keyId } = await deps.requireProfile(caller.sub, profileId)
    return deps.cancelRestore(caller, keyId, { body: { restoreId }, intent })
  }
