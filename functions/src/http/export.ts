import type { Caller } from '@tandem/service'
import type { ConfirmExportRequest, ExportRequest, ExportResponse, SealedShare } from '@tandem/wire'
import type { KeyCalls } from '../ports/duo-node-keys.ts'
import type { Profile } from '../ports/profiles.ts'
import type { ProveOnce } from '../two-factor/prove-once.ts'

export type ExportDeps = Pick<KeyCalls, 'prepareExport' | 'confirmExport' | 'cancelExport'> & {
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly proveOnce: ProveOnce
}

/** POST /api/v1/mpc/export: asks for Sigpair's share; it is given after a delay. Spec: docs/spec/flows.md, 11.1. */
export const prepareExport =
  (deps: ExportDeps) =>
  async (
    caller: Caller,
    { profileId, encryptionKey, intent, twoFactorCode }: ExportRequest,
  ): Promise<ExportResponse> => {
    const { keyId } = await deps.requireProfile(caller.sub, profileId)
    await deps.proveOnce(caller, intent, twoFactorCode)
    return deps.prepareExport(caller, keyId, { body: { encryptionKey }, intent })
  }

/** POST /api/v1/mpc/export/:exportId/confirm: the share, sealed to the device. The key counts as exported for ever. */
export const confirmExport =
  (deps: ExportDeps) =>
  async (caller: Caller, exportId: string, { profileId, intent }: ConfirmExportRequest): Promise<SealedShare> => {
    const { keyId } = await deps.requireProfile(caller.sub, profileId)
    return deps.confirmExport(caller, keyId, { body: { exportId }, intent })
  }

/** DELETE /api/v1/mpc/export/:exportId: from any session, because a thief may hold the device. */
export const cancelExport =
  (deps: ExportDeps) =>
  async (caller: Caller, exportId: string, profileId: string): ReturnType<ExportDeps['cancelExport']> => {
    const { keyId } = await deps.requireProfile(caller.sub, profileId)
    return deps.cancelExport(caller, keyId, exportId)
  }
