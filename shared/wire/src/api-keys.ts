import { z } from 'zod'
import { auditHead } from './api-audit.ts'
import { twoFactorCode } from './two-factor-code.ts'
import { commitReceipt, deviceKey, intent, keyStatus } from './api.ts'
import {
  address,
  backupIdField,
  exportIdField,
  hex,
  keyIdField,
  profileIdField,
  recoveryKeyField,
  restoreIdField,
} from './fields.ts'
import { MAX_NODES, PVE_CHARS } from './limits.ts'
import { nodeAnswers } from './nodes.ts'

/** A key after its first commit: rotation, backup, restore, export, freeze, deletion. Source: docs/spec/flows.md, 9 to 14. */

/** Where the owner has the two backups of the epoch he commits; what is waived is his loss, and he says so. */
export const storedBackups = z
  .strictObject({
    /** `verificationHash` of the new backup of Sigpair's share */
    sigpair: z.union([hex(32), z.literal('waived')]),
    /** beside a committee: the hash of each member's, in index order; `sigpair` is the hash of these. Source: docs/spec/gateway.md 5.3 */
    nodes: z.array(hex(32)).min(2).max(MAX_NODES).optional(),
    /** the device's own share, encrypted by the SDK */
    device: z.enum(['stored', 'waived']),
  })
  .meta({ id: 'StoredBackups' })
export type StoredBackups = z.infer<typeof storedBackups>

/** Signed by Sigpair: the shares of `from` are dead, the key is the same. `signature` is over {@link rotationBytes}. */
export const rotationRecord = z
  .strictObject({
    keyId: keyIdField,
    publicKey: hex(33),
    from: z.int().min(0),
    to: z.int().min(1),
    stageId: hex(32),
    reason: z.enum(['refresh', 'repair', 'restore']),
    /** seconds since 1970 */
    at: z.int(),
    signature: hex(64),
  })
  .meta({ id: 'RotationRecord' })
export type RotationRecord = z.infer<typeof rotationRecord>

/** POST /api/v1/mpc/rotate-key: puts the epoch in force that a `refresh` dialogue staged. */
export const rotateKeyRequest = z
  .strictObject({
    profileId: profileIdField,
    stageId: hex(32),
    backups: storedBackups,
    /** a key that is FROZEN, SUSPENDED or STALE works again; three times a day */
    repair: z.literal(true).optional(),
    intent,
    twoFactorCode: twoFactorCode.optional(),
  })
  .meta({ id: 'RotateKeyRequest' })
export type RotateKeyRequest = z.infer<typeof rotateKeyRequest>

export const rotateKeyResponse = z
  .strictObject({
    status: z.literal('rotated'),
    address,
    epoch: z.int().min(1),
    receipt: commitReceipt,
    rotation: rotationRecord,
    nodes: nodeAnswers({ receipt: commitReceipt, rotation: rotationRecord }),
    audit: auditHead.optional(),
  })
  .meta({ id: 'RotateKeyResponse' })
export type RotateKeyResponse = z.infer<typeof rotateKeyResponse>

/** What became of a stage. `committed` and `aborted` come with their receipts and never change. */
export const stageFate = z.enum(['committed', 'aborted', 'staged', 'unknown'])

/** Ed25519 by Sigpair over "rf/aborted": this stage will never be in force, the device may erase it. */
export const abortReceipt = z
  .strictObject({ keyId: keyIdField, stageId: hex(32), signature: hex(64) })
  .meta({ id: 'AbortReceipt' })
export type AbortReceipt = z.infer<typeof abortReceipt>

/** Ed25519 by Sigpair over "rf/status": what is in force, and what is open beside it. It ages; nothing is erased on it. */
export const epochStatus = z
  .strictObject({
    keyId: keyIdField,
    epoch: z.int().min(0),
    ssid: hex(32),
    staged: hex(32).nullable(),
    signature: hex(64),
  })
  .meta({ id: 'EpochStatus' })
export type EpochStatus = z.infer<typeof epochStatus>

/** GET and DELETE /api/v1/mpc/keys/:keyId/stages/:stageId?epoch=N: ask what became of a stage; give it up. */
export const stageParams = z.strictObject({ keyId: keyIdField, stageId: hex(32) })
export const stageQuery = z.strictObject({
  /** the epoch it would make, as the device stored it */
  epoch: z.string().regex(/^(0|[1-9][0-9]{0,9})$/, 'an epoch'),
})
const stageWord = {
  fate: stageFate,
  committed: commitReceipt.optional(),
  aborted: abortReceipt.optional(),
  /** absent before the first commit */
  status: epochStatus.optional(),
}
export const stageResponse = z
  .strictObject({ ...stageWord, nodes: nodeAnswers(stageWord) })
  .meta({ id: 'StageResponse' })
export type StageResponse = z.infer<typeof stageResponse>

/** POST /api/v1/mpc/backup: Sigpair's share for the owner's recovery key. The first one enrols the key. */
export const backupRequest = z
  .strictObject({
    profileId: profileIdField,
    encryptionKey: recoveryKeyField,
    intent,
    twoFactorCode: twoFactorCode.optional(),
  })
  .meta({ id: 'BackupRequest' })
export type BackupRequest = z.infer<typeof backupRequest>

const backupOfOne = {
  epoch: z.int().min(0),
  /** base64url; the device verifies it against X2. Source: docs/spec/backup.md 1.5 */
  encryptedData: z.string().length(PVE_CHARS),
  /** what both sides show. Source: docs/spec/backup.md 1.7 */
  verificationHash: hex(32),
}
export const backupResponse = z
  .strictObject({
    backupId: backupIdField,
    ...backupOfOne,
    nodes: nodeAnswers(backupOfOne),
    audit: auditHead.optional(),
  })
  .meta({ id: 'BackupResponse' })
export type BackupResponse = z.infer<typeof backupResponse>

/** PUT /api/v1/profiles/:id/recovery-key: another recovery key, after a delay. */
export const recoveryKeyRequest = z
  .strictObject({ encryptionKey: recoveryKeyField, intent, twoFactorCode: twoFactorCode.optional() })
  .meta({ id: 'RecoveryKeyRequest' })
export type RecoveryKeyRequest = z.infer<typeof recoveryKeyRequest>

export const recoveryKeyResponse = z
  .strictObject({
    encryptionKey: recoveryKeyField,
    /** seconds since 1970: from then on it is the enrolled one */
    notBefore: z.int(),
    audit: auditHead.optional(),
  })
  .meta({ id: 'RecoveryKeyResponse' })
export type RecoveryKeyResponse = z.infer<typeof recoveryKeyResponse>

/** POST /api/v1/mpc/export. `encryptionKey`: X25519, made for this export on the device. */
export const exportRequest = z
  .strictObject({
    profileId: profileIdField,
    encryptionKey: hex(32),
    intent,
    twoFactorCode: twoFactorCode.optional(),
  })
  .meta({ id: 'ExportRequest' })
export type ExportRequest = z.infer<typeof exportRequest>

export const exportResponse = z
  .strictObject({
    exportId: exportIdField,
    /** seconds since 1970: it can be confirmed from then … */
    notBefore: z.int(),
    /** … until then */
    expiresAt: z.int(),
    audit: auditHead.optional(),
  })
  .meta({ id: 'ExportResponse' })
export type ExportResponse = z.infer<typeof exportResponse>

/** POST /api/v1/mpc/export/:exportId/confirm */
export const confirmExportRequest = z
  .strictObject({ profileId: profileIdField, intent })
  .meta({ id: 'ConfirmExportRequest' })
export type ConfirmExportRequest = z.infer<typeof confirmExportRequest>

/** Sigpair's share, sealed to the device: HPKE base mode, X25519, HKDF-SHA256, ChaCha20-Poly1305. */
const sealedForOne = {
  epoch: z.int().min(0),
  /** X2, which the opened share must have */
  publicShare: hex(33),
  /** encapsulated key */
  enc: hex(32),
  /** 32 bytes and the tag */
  ciphertext: hex(48),
}
export const sealedShare = z
  .strictObject({ ...sealedForOne, nodes: nodeAnswers(sealedForOne), audit: auditHead.optional() })
  .meta({ id: 'SealedShare' })
export type SealedShare = z.infer<typeof sealedShare>

/** DELETE /api/v1/mpc/export/:exportId?profileId=… */
export const cancelExportQuery = z.strictObject({ profileId: profileIdField })

export const cancelResponse = z.strictObject({ status: z.literal('cancelled') }).meta({ id: 'CancelResponse' })

/** POST /api/v1/mpc/restore: the device, or Sigpair's share, is lost. */
export const restoreRequest = z
  .strictObject({
    profileId: profileIdField,
    reason: z.enum(['device-lost', 'server-lost']),
    /** the device that will hold P1; of server-lost the enrolled one */
    deviceKey,
    /** Schnorr proof of x1 under X1 of the current epoch, over `deviceKey`: T(33) ‖ z(32) */
    proof: hex(65),
    /** by `deviceKey` */
    intent,
    twoFactorCode: twoFactorCode.optional(),
  })
  .meta({ id: 'RestoreRequest' })
export type RestoreRequest = z.infer<typeof restoreRequest>

export const restoreResponse = z
  .strictObject({
    restoreId: restoreIdField,
    /** seconds since 1970: the `recover` dialogue is open from then; until then the enrolled device can cancel */
    notBefore: z.int(),
    audit: auditHead.optional(),
  })
  .meta({ id: 'RestoreResponse' })
export type RestoreResponse = z.infer<typeof restoreResponse>

/** POST /api/v1/mpc/restore/:restoreId/confirm: puts the epoch in force that the `recover` dialogue staged. */
export const confirmRestoreRequest = rotateKeyRequest
  .omit({ repair: true, twoFactorCode: true })
  .meta({ id: 'ConfirmRestoreRequest' })
export type ConfirmRestoreRequest = z.infer<typeof confirmRestoreRequest>

/** POST /api/v1/mpc/restore/:restoreId/cancel, by the enrolled device. */
export const cancelRestoreRequest = z
  .strictObject({ profileId: profileIdField, intent })
  .meta({ id: 'CancelRestoreRequest' })
export type CancelRestoreRequest = z.infer<typeof cancelRestoreRequest>

/** POST /api/v1/mpc/drill: can a backup and Sigpair's share act together? Nothing is signed that means anything. */
export const drillRequest = z
  .strictObject({ profileId: profileIdField, challenge: hex(32) })
  .meta({ id: 'DrillRequest' })
export type DrillRequest = z.infer<typeof drillRequest>

const drillOfOne = {
  epoch: z.int().min(0),
  /** X2 */
  publicShare: hex(33),
  /** Schnorr proof of x2 over the challenge: T(33) ‖ z(32) */
  proof: hex(65),
}
export const drillResponse = z
  .strictObject({ ...drillOfOne, nodes: nodeAnswers(drillOfOne) })
  .meta({ id: 'DrillResponse' })
export type DrillResponse = z.infer<typeof drillResponse>

/** POST /api/v1/mpc/freeze: from any session of the owner; only `rotate-key` with `repair` undoes it. */
export const freezeRequest = z
  .strictObject({ profileId: profileIdField, twoFactorCode: twoFactorCode.optional() })
  .meta({ id: 'FreezeRequest' })
export type FreezeRequest = z.infer<typeof freezeRequest>

export const freezeResponse = z.strictObject({ keyStatus, audit: auditHead.optional() }).meta({ id: 'FreezeResponse' })
export type FreezeResponse = z.infer<typeof freezeResponse>

/** DELETE /api/v1/profiles/:id */
export const deleteProfileRequest = z
  .strictObject({ intent, twoFactorCode: twoFactorCode.optional() })
  .meta({ id: 'DeleteProfileRequest' })
export type DeleteProfileRequest = z.infer<typeof deleteProfileRequest>

export const deleteProfileResponse = z
  .strictObject({ status: z.literal('deleted'), keyId: keyIdField, audit: auditHead.optional() })
  .meta({ id: 'DeleteProfileResponse' })
export type DeleteProfileResponse = z.infer<typeof deleteProfileResponse>
