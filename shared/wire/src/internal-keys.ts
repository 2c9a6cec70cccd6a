import { z } from 'zod'
import {
  backupResponse,
  cancelResponse,
  deleteProfileResponse,
  drillRequest,
  drillResponse,
  exportRequest,
  exportResponse,
  freezeResponse,
  recoveryKeyRequest,
  recoveryKeyResponse,
  restoreRequest,
  restoreResponse,
  rotateKeyRequest,
  rotateKeyResponse,
  sealedShare,
  stageResponse,
} from './api-keys.ts'
import { intent } from './api.ts'
import { exportIdField, hex, keyIdField, restoreIdField } from './fields.ts'

/**
 * What the backend asks of Sigpair about a key that is in force, under `/internal/keys/:keyId`. An intent signs exactly the
 * `body` beside it; its `op` is the one named here. Source: docs/spec/flows.md, 9 to 14.
 */

export const keyParams = z.strictObject({ keyId: keyIdField })
export const keyStageParams = z.strictObject({ keyId: keyIdField, stageId: hex(32) })
export const keyExportParams = z.strictObject({ keyId: keyIdField, exportId: exportIdField })
export const keyRestoreParams = z.strictObject({ keyId: keyIdField, restoreId: restoreIdField })

/** GET /stages/:stageId?epoch=N and POST /stages/:stageId/abort */
export const keyStageResponse = stageResponse
export const abortStageRequest = z.strictObject({ epoch: z.int().min(0).max(0xffffffff) })

/** POST /rotate; op `rotate`. Repeatable: the same stage gets the same receipt and record. */
export const keyRotateRequest = z.strictObject({
  body: rotateKeyRequest.pick({ stageId: true, backups: true, repair: true }),
  intent,
})
export type KeyRotateRequest = z.infer<typeof keyRotateRequest>
export const keyRotateResponse = rotateKeyResponse
  .omit({ status: true, address: true })
  .extend({ keyId: keyIdField, publicKey: hex(33) })
export type KeyRotateResponse = z.infer<typeof keyRotateResponse>

/** POST /backup; op `backup`. Repeatable: one epoch and one recovery key have one backup. */
export const keyBackupRequest = z.strictObject({ body: recoveryKeyRequest.pick({ encryptionKey: true }), intent })
export type KeyBackupRequest = z.infer<typeof keyBackupRequest>
export const keyBackupResponse = backupResponse

/** PUT /recovery-key; op `recovery-key`. */
export const keyRecoveryKeyRequest = keyBackupRequest
export type KeyRecoveryKeyRequest = KeyBackupRequest
export const keyRecoveryKeyResponse = recoveryKeyResponse

/** POST /export; op `export`. The intent's nonce names it: repeated, it is the same export. */
export const keyExportRequest = z.strictObject({ body: exportRequest.pick({ encryptionKey: true }), intent })
export type KeyExportRequest = z.infer<typeof keyExportRequest>
export const keyExportResponse = exportResponse

/** POST /export/:exportId/confirm; op `export-confirm`. POST /export/:exportId/cancel has an empty body and no intent. */
export const keyExportConfirmRequest = z.strictObject({ body: z.strictObject({ exportId: exportIdField }), intent })
export type KeyExportConfirmRequest = z.infer<typeof keyExportConfirmRequest>
export const keyExportConfirmResponse = sealedShare
export const keyCancelResponse = cancelResponse

/** POST /restore; op `restore`, signed by the new device. */
export const keyRestoreRequest = z.strictObject({
  body: restoreRequest.pick({ reason: true, deviceKey: true, proof: true }),
  intent,
})
export type KeyRestoreRequest = z.infer<typeof keyRestoreRequest>
export const keyRestoreResponse = restoreResponse

/** POST /restore/:restoreId/confirm; op `restore-confirm`, signed by the new device. Answers as /rotate. */
export const keyRestoreConfirmRequest = z.strictObject({
  body: rotateKeyRequest.pick({ stageId: true, backups: true }).extend({ restoreId: restoreIdField }),
  intent,
})
export type KeyRestoreConfirmRequest = z.infer<typeof keyRestoreConfirmRequest>

/** POST /restore/:restoreId/cancel; op `restore-cancel`, signed by the enrolled device. */
export const keyRestoreCancelRequest = z.strictObject({ body: z.strictObject({ restoreId: restoreIdField }), intent })
export type KeyRestoreCancelRequest = z.infer<typeof keyRestoreCancelRequest>

/** POST /drill */
export const keyDrillRequest = drillRequest.pick({ challenge: true })
export const keyDrillResponse = drillResponse

/** POST /freeze: an empty body. */
export const keyFreezeResponse = freezeResponse
export const noBody = z.strictObject({})

/** POST /delete; op `delete`, over an empty body. Repeatable. */
export const keyDeleteRequest = z.strictObject({ body: noBody, intent })
export type KeyDeleteRequest = z.infer<typeof keyDeleteRequest>
export const keyDeleteResponse = deleteProfileResponse
