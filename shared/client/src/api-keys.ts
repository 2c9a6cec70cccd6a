import {
  type BackupRequest,
  type BackupResponse,
  backupResponse,
  type CancelRestoreRequest,
  cancelResponse,
  type ConfirmExportRequest,
  type ConfirmRestoreRequest,
  type DeleteProfileRequest,
  type DeleteProfileResponse,
  deleteProfileResponse,
  type DrillRequest,
  type DrillResponse,
  drillResponse,
  type ExportRequest,
  type ExportResponse,
  exportResponse,
  type FreezeRequest,
  type FreezeResponse,
  freezeResponse,
  type RecoveryKeyRequest,
  type RecoveryKeyResponse,
  recoveryKeyResponse,
  type RestoreRequest,
  type RestoreResponse,
  restoreResponse,
  type RotateKeyRequest,
  type RotateKeyResponse,
  rotateKeyResponse,
  type SealedShare,
  sealedShare,
  type StageResponse,
  stageResponse,
} from '@tandem/wire'
import type { Schema } from './api.ts'

/** A stage as the device stored it: the epoch is the one it would make. */
export type StageName = { readonly keyId: string; readonly stageId: string; readonly epoch: number }

/** The backend, as far as the life of a key after its first commit goes. Every call is safe to repeat. */
export type KeyApi = {
  stage(name: StageName): Promise<StageResponse>
  abortStage(name: StageName): Promise<StageResponse>
  rotateKey(body: RotateKeyRequest): Promise<RotateKeyResponse>
  backUp(body: BackupRequest): Promise<BackupResponse>
  changeRecoveryKey(profileId: string, body: RecoveryKeyRequest): Promise<RecoveryKeyResponse>
  drill(body: DrillRequest): Promise<DrillResponse>
  requestExport(body: ExportRequest): Promise<ExportResponse>
  confirmExport(exportId: string, body: ConfirmExportRequest): Promise<SealedShare>
  cancelExport(exportId: string, profileId: string): Promise<unknown>
  requestRestore(body: RestoreRequest): Promise<RestoreResponse>
  confirmRestore(restoreId: string, body: ConfirmRestoreRequest): Promise<RotateKeyResponse>
  cancelRestore(restoreId: string, body: CancelRestoreRequest): Promise<unknown>
  freeze(body: FreezeRequest): Promise<FreezeResponse>
  deleteProfile(profileId: string, body: DeleteProfileRequest): Promise<DeleteProfileResponse>
}

type Call = <T>(method: string, path: string, schema: Schema<T>, body?: object) => Promise<T>

const MPC = '/api/v1/mpc'

/** No idempotency keys: each of these names its stage, or carries an intent that counts once. */
export function createKeyApi(call: Call): KeyApi {
  return {
    stage: async (name) => call('GET', stagePath(name), stageResponse),
    abortStage: async (name) => call('DELETE', stagePath(name), stageResponse),
    rotateKey: async (body) => call('POST', `${MPC}/rotate-key`, rotateKeyResponse, body),
    backUp: async (body) => call('POST', `${MPC}/backup`, backupResponse, body),
    changeRecoveryKey: async (id, body) =>
      call('PUT', `/api/v1/profiles/${encodeURIComponent(id)}/recovery-key`, recoveryKeyResponse, body),
    drill: async (body) => call('POST', `${MPC}/drill`, drillResponse, body),
    requestExport: async (body) => call('POST', `${MPC}/export`, exportResponse, body),
    confirmExport: async (id, body) =>
      call('POST', `${MPC}/export/${encodeURIComponent(id)}/confirm`, sealedShare, body),
    cancelExport: async (id, profileId) =>
      call(
        'DELETE',
        `${MPC}/export/${encodeURIComponent(id)}?profileId=${encodeURIComponent(profileId)}`,
        cancelResponse,
      ),
    requestRestore: async (body) => call('POST', `${MPC}/restore`, restoreResponse, body),
    confirmRestore: async (id, body) =>
      call('POST', `${MPC}/restore/${encodeURIComponent(id)}/confirm`, rotateKeyResponse, body),
    cancelRestore: async (id, body) =>
      call('POST', `${MPC}/restore/${encodeURIComponent(id)}/cancel`, cancelResponse, body),
    freeze: async (body) => call('POST', `${MPC}/freeze`, freezeResponse, body),
    deleteProfile: async (id, body) =>
      call('DELETE', `/api/v1/profiles/${encodeURIComponent(id)}`, deleteProfileResponse, body),
  }
}

function stagePath({ keyId, stageId, epoch }: StageName): string {
  return `${MPC}/keys/${encodeURIComponent(keyId)}/stages/${encodeURIComponent(stageId)}?epoch=${epoch}`
}
