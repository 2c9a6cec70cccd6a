import {
  type BackupResponse,
  backupResponse,
  cancelResponse,
  type DeleteProfileResponse,
  deleteProfileResponse,
  type DrillResponse,
  drillResponse,
  type ExportResponse,
  exportResponse,
  type FreezeResponse,
  freezeResponse,
  type KeyBackupRequest,
  type KeyDeleteRequest,
  type KeyExportConfirmRequest,
  type KeyExportRequest,
  type KeyRecoveryKeyRequest,
  type KeyRestoreCancelRequest,
  type KeyRestoreConfirmRequest,
  type KeyRestoreRequest,
  type KeyRotateRequest,
  type KeyRotateResponse,
  keyRotateResponse,
  type RecoveryKeyResponse,
  recoveryKeyResponse,
  type RestoreResponse,
  restoreResponse,
  type SealedShare,
  sealedShare,
  type StageResponse,
  stageResponse,
} from '@tandem/wire'
import type { z } from 'zod'

type User = { readonly sub: string }

type Cancelled = z.infer<typeof cancelResponse>

/** A stage, and the epoch it would make, as the device has it. */
export type StageName = { readonly keyId: string; readonly stageId: string; readonly epoch: number }

/** What is asked about a key that is in force. Spec: docs/spec/flows.md, 9 to 14. */
export type KeyCalls = {
  readonly readStage: (user: User, stage: StageName) => Promise<StageResponse>
  readonly abortStage: (user: User, stage: StageName) => Promise<StageResponse>
  readonly rotateKey: (user: User, keyId: string, request: KeyRotateRequest) => Promise<KeyRotateResponse>
  readonly backUpKey: (user: User, keyId: string, request: KeyBackupRequest) => Promise<BackupResponse>
  readonly replaceRecoveryKey: (
    user: User,
    keyId: string,
    request: KeyRecoveryKeyRequest,
  ) => Promise<RecoveryKeyResponse>
  readonly prepareExport: (user: User, keyId: string, request: KeyExportRequest) => Promise<ExportResponse>
  readonly confirmExport: (user: User, keyId: string, request: KeyExportConfirmRequest) => Promise<SealedShare>
  readonly cancelExport: (user: User, keyId: string, exportId: string) => Promise<Cancelled>
  readonly requestRestore: (user: User, keyId: string, request: KeyRestoreRequest) => Promise<RestoreResponse>
  readonly confirmRestore: (user: User, keyId: string, request: KeyRestoreConfirmRequest) => Promise<KeyRotateResponse>
  readonly cancelRestore: (user: User, keyId: string, request: KeyRestoreCancelRequest) => Promise<Cancelled>
  readonly drillKey: (user: User, keyId: string, challenge: string) => Promise<DrillResponse>
  readonly freezeKey: (user: User, keyId: string) => Promise<FreezeResponse>
  readonly deleteKey: (user: User, keyId: string, request: KeyDeleteRequest) => Promise<DeleteProfileResponse>
}

/** One call to Sigpair; checks the form of its answer. */
export type Ask = <T>(
  user: User,
  question: { readonly method: string; readonly path: string; readonly body?: object },
  shape: z.ZodType<T>,
) => Promise<T>

export function keyCalls(ask: Ask): KeyCalls {
  const at = (keyId: string, ...rest: readonly string[]) => ['/internal/keys', keyId, ...rest].join('/')
  const post = async <T>(user: User, path: string, body: object, shape: z.ZodType<T>) =>
    ask(user, { method: 'POST', path, body }, shape)
  return {
    readStage: async (user, { keyId, stageId, epoch }) =>
      ask(user, { method: 'GET', path: `${at(keyId, 'stages', stageId)}?epoch=${epoch}` }, stageResponse),
    abortStage: async (user, { keyId, stageId, epoch }) =>
      post(user, at(keyId, 'stages', stageId, 'abort'), { epoch }, stageResponse),
    rotateKey: async (user, keyId, request) => post(user, at(keyId, 'rotate'), request, keyRotateResponse),
    backUpKey: async (user, keyId, request) => post(user, at(keyId, 'backup'), request, backupResponse),
    replaceRecoveryKey: async (user, keyId, body) =>
      ask(user, { method: 'PUT', path: at(keyId, 'recovery-key'), body }, recoveryKeyResponse),
    prepareExport: async (user, keyId, request) => post(user, at(keyId, 'export'), request, exportResponse),
    confirmExport: async (user, keyId, request) =>
      post(user, at(keyId, 'export', request.body.exportId, 'confirm'), request, sealedShare),
    cancelExport: async (user, keyId, exportId) =>
      post(user, at(keyId, 'export', exportId, 'cancel'), {}, cancelResponse),
    requestRestore: async (user, keyId, request) => post(user, at(keyId, 'restore'), request, restoreResponse),
    confirmRestore: async (user, keyId, request) =>
      post(user, at(keyId, 'restore', request.body.restoreId, 'confirm'), request, keyRotateResponse),
    cancelRestore: async (user, keyId, request) =>
      post(user, at(keyId, 'restore', request.body.restoreId, 'cancel'), request, cancelResponse),
    drillKey: async (user, keyId, challenge) => post(user, at(keyId, 'drill'), { challenge }, drillResponse),
    freezeKey: async (user, keyId) => post(user, at(keyId, 'freeze'), {}, freezeResponse),
    deleteKey: async (user, keyId, request) => post(user, at(keyId, 'delete'), request, deleteProfileResponse),
  }
}
