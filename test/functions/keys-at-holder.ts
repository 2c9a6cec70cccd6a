import { type Answer, type Incoming, route, type Route } from '@tandem/service'
import {
  abortStageRequest,
  type CommitReceipt,
  keyBackupRequest,
  keyDeleteRequest,
  keyDrillRequest,
  keyExportConfirmRequest,
  keyExportParams,
  keyExportRequest,
  keyParams,
  keyRestoreCancelRequest,
  keyRestoreConfirmRequest,
  keyRestoreParams,
  keyRestoreRequest,
  keyRotateRequest,
  keyStageParams,
  noBody,
  type StageResponse,
  stageQuery,
} from '@tandem/wire'
import type { HeldKey } from './key-holder.ts'

/** Bytes of no meaning, in the form the wire wants. */
const filled = (bytes: number, byte = '11') => `0x${byte.repeat(bytes)}`

export const BACKUP = { backupId: `bak_${'B'.repeat(22)}`, verificationHash: filled(32, '22') }
export const EXPORT_ID = `exp_${'E'.repeat(22)}`
export const RESTORE_ID = `rst_${'R'.repeat(22)}`
export const NOT_BEFORE = 1_800_000_000

export type HolderDeps = {
  readonly caller: (incoming: Incoming) => Promise<string>
  /** @throws {WireError} `NOT_FOUND`, `KEY_DELETED` */
  readonly owned: (keyId: string, owner: string) => HeldKey
  readonly answered: (operation: string, make: () => object) => Promise<Answer>
}

/** A key's life after its first commit, as far as the backend can see of it. */
export function keyLifeRoutes(deps: HolderDeps): readonly Route[] {
  return [
    ...stageRoutes(deps),
    ...backupRoutes(deps),
    ...exportRoutes(deps),
    ...restoreRoutes(deps),
    ...endRoutes(deps),
  ]
}

function receiptOf({ keyId, epoch }: HeldKey, stageId: string): CommitReceipt {
  return { keyId, stageId, epoch, conf: filled(32), signature: filled(64) }
}

function fateOf(key: HeldKey, stageId: string): StageResponse {
  const fate = key.stages.get(stageId) ?? 'unknown'
  if (fate === 'committed') return { fate, committed: receiptOf(key, stageId) }
  if (fate === 'aborted') return { fate, aborted: { keyId: key.keyId, stageId, signature: filled(64) } }
  return { fate }
}

/** The same stage twice is the same epoch. */
function rotate(key: HeldKey, stageId: string, reason: 'refresh' | 'repair' | 'restore') {
  if (key.stages.get(stageId) !== 'committed') key.epoch += 1
  key.stages.set(stageId, 'committed')
  if (reason === 'repair') key.status = 'READY'
  const { keyId, epoch, signer } = key
  const publicKey = signer.compressedPublicKey
  const record = { keyId, publicKey, from: epoch - 1, to: epoch, stageId, reason, at: NOT_BEFORE }
  return { keyId, publicKey, epoch, receipt: receiptOf(key, stageId), rotation: { ...record, signature: filled(64) } }
}

function stageRoutes({ caller, owned, answered }: HolderDeps): readonly Route[] {
  const path = '/internal/keys/:keyId/stages/:stageId'
  return [
    route({
      method: 'GET',
      path,
      caller,
      params: keyStageParams,
      query: stageQuery,
      handle: ({ params: { keyId, stageId }, caller: owner }) =>
        answered('stage', () => fateOf(owned(keyId, owner), stageId)),
    }),
    route({
      method: 'POST',
      path: `${path}/abort`,
      caller,
      params: keyStageParams,
      body: abortStageRequest,
      handle: ({ params: { keyId, stageId }, caller: owner }) =>
        answered('abort', () => {
          const key = owned(keyId, owner)
          if (key.stages.get(stageId) === 'staged') key.stages.set(stageId, 'aborted')
          return fateOf(key, stageId)
        }),
    }),
    route({
      method: 'POST',
      path: '/internal/keys/:keyId/rotate',
      caller,
      params: keyParams,
      body: keyRotateRequest,
      handle: ({ params: { keyId }, body: { body }, caller: owner }) =>
        answered('rotate', () => rotate(owned(keyId, owner), body.stageId, body.repair ? 'repair' : 'refresh')),
    }),
  ]
}

function backupRoutes({ caller, owned, answered }: HolderDeps): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/internal/keys/:keyId/backup',
      caller,
      params: keyParams,
      body: keyBackupRequest,
      handle: ({ params: { keyId }, caller: owner, body: { body } }) =>
        answered('backup', () => {
          const key = owned(keyId, owner)
          const { verificationHash } = BACKUP
          key.care = { ...key.care, recoveryKey: body.encryptionKey, backup: { verificationHash } }
          return { ...BACKUP, epoch: key.epoch, encryptedData: 'A'.repeat(22_038) }
        }),
    }),
    route({
      method: 'PUT',
      path: '/internal/keys/:keyId/recovery-key',
      caller,
      params: keyParams,
      body: keyBackupRequest,
      handle: ({ params: { keyId }, caller: owner, body: { body } }) =>
        answered('recovery-key', () => {
          owned(keyId, owner)
          return { ...body, notBefore: NOT_BEFORE }
        }),
    }),
    route({
      method: 'POST',
      path: '/internal/keys/:keyId/drill',
      caller,
      params: keyParams,
      body: keyDrillRequest,
      handle: ({ params: { keyId }, caller: owner }) =>
        answered('drill', () => {
          const { epoch, signer } = owned(keyId, owner)
          return { epoch, publicShare: signer.compressedPublicKey, proof: filled(65) }
        }),
    }),
  ]
}

function exportRoutes({ caller, owned, answered }: HolderDeps): readonly Route[] {
  const cancelled = { status: 'cancelled' }
  return [
    route({
      method: 'POST',
      path: '/internal/keys/:keyId/export',
      caller,
      params: keyParams,
      body: keyExportRequest,
      handle: ({ params: { keyId }, caller: owner }) =>
        answered('export', () => {
          owned(keyId, owner)
          return { exportId: EXPORT_ID, notBefore: NOT_BEFORE, expiresAt: NOT_BEFORE + 86_400 }
        }),
    }),
    route({
      method: 'POST',
      path: '/internal/keys/:keyId/export/:exportId/confirm',
      caller,
      params: keyExportParams,
      body: keyExportConfirmRequest,
      handle: ({ params: { keyId }, caller: owner }) =>
        answered('export confirm', () => {
          const key = owned(keyId, owner)
          key.care = { ...key.care, exportedAt: NOT_BEFORE }
          const publicShare = key.signer.compressedPublicKey
          return { epoch: key.epoch, publicShare, enc: filled(32), ciphertext: filled(48) }
        }),
    }),
    route({
      method: 'POST',
      path: '/internal/keys/:keyId/export/:exportId/cancel',
      caller,
      params: keyExportParams,
      body: noBody,
      handle: ({ params: { keyId }, caller: owner }) =>
        answered('export cancel', () => owned(keyId, owner) && cancelled),
    }),
  ]
}

function restoreRoutes({ caller, owned, answered }: HolderDeps): readonly Route[] {
  const cancelled = { status: 'cancelled' }
  return [
    route({
      method: 'POST',
      path: '/internal/keys/:keyId/restore',
      caller,
      params: keyParams,
      body: keyRestoreRequest,
      handle: ({ params: { keyId }, caller: owner, body: { body } }) =>
        answered('restore', () => {
          const key = owned(keyId, owner)
          const restore = { restoreId: RESTORE_ID, notBefore: NOT_BEFORE }
          key.care = { ...key.care, restore: { ...restore, reason: body.reason } }
          return restore
        }),
    }),
    route({
      method: 'POST',
      path: '/internal/keys/:keyId/restore/:restoreId/confirm',
      caller,
      params: keyRestoreParams,
      body: keyRestoreConfirmRequest,
      handle: ({ params: { keyId }, body: { body }, caller: owner }) =>
        answered('restore confirm', () => rotate(owned(keyId, owner), body.stageId, 'restore')),
    }),
    route({
      method: 'POST',
      path: '/internal/keys/:keyId/restore/:restoreId/cancel',
      caller,
      params: keyRestoreParams,
      body: keyRestoreCancelRequest,
      handle: ({ params: { keyId }, caller: owner }) =>
        answered('restore cancel', () => {
          const key = owned(keyId, owner)
          const { restore: _, ...care } = key.care
          key.care = care
          return cancelled
        }),
    }),
  ]
}

function endRoutes({ caller, owned, answered }: HolderDeps): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/internal/keys/:keyId/freeze',
      caller,
      params: keyParams,
      body: noBody,
      handle: ({ params: { keyId }, caller: owner }) =>
        answered('freeze', () => {
          owned(keyId, owner).status = 'FROZEN'
          return { keyStatus: 'FROZEN' }
        }),
    }),
    route({
      method: 'POST',
      path: '/internal/keys/:keyId/delete',
      caller,
      params: keyParams,
      body: keyDeleteRequest,
      handle: ({ params: { keyId }, caller: owner }) =>
        answered('delete', () => {
          owned(keyId, owner).status = 'DELETED'
          return { status: 'deleted', keyId }
        }),
    }),
  ]
}
