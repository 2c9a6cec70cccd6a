import {
  cancelExportQuery,
  cancelResponse,
  cancelRestoreRequest,
  confirmExportRequest,
  confirmRestoreRequest,
  exportIdField,
  exportRequest,
  exportResponse,
  restoreIdField,
  restoreRequest,
  restoreResponse,
  rotateKeyResponse,
  sealedShare,
} from '@tandem/wire'
import { z } from 'zod'
import type { Served } from '../operation.ts'
import type { Operate } from '../routes.ts'

const tag = 'MPC'

/** Half a key changes hands: leaves Sigpair, or comes to another device. Spec: docs/spec/flows.md, 11 and 12. */
export function custodyRoutes(operate: Operate): readonly Served[] {
  return [...exportRoutes(operate), ...restoreRoutes(operate)]
}

function exportRoutes(operate: Operate): readonly Served[] {
  const params = z.strictObject({ exportId: exportIdField })
  return [
    operate({
      method: 'POST',
      path: '/api/v1/mpc/export',
      tag,
      summary: 'Asks for Sigpair’s share. After a delay, in which the owner can cancel, it is given on confirmation.',
      body: exportRequest,
      response: exportResponse,
      status: 202,
      spends: { buckets: ['backup'], of: ({ body }) => ({ bucket: 'backup', what: body.intent.nonce.toLowerCase() }) },
      repeats: 'answer',
      handle: ({ caller, body }, { endpoints }) => endpoints.prepareExport(caller, body),
    }),
    operate({
      method: 'POST',
      path: '/api/v1/mpc/export/:exportId/confirm',
      tag,
      summary: 'Sigpair’s share, sealed to the device. The key counts as exported for ever.',
      params,
      body: confirmExportRequest,
      response: sealedShare,
      repeats: 'sealed answer',
      handle: ({ caller, params: { exportId }, body }, { endpoints }) =>
        endpoints.confirmExport(caller, exportId, body),
    }),
    operate({
      method: 'DELETE',
      path: '/api/v1/mpc/export/:exportId',
      tag,
      summary: 'Cancels an export that is not confirmed, from any session of the owner.',
      params,
      query: cancelExportQuery,
      response: cancelResponse,
      handle: ({ caller, params: { exportId }, queryFields: { profileId } }, { endpoints }) =>
        endpoints.cancelExport(caller, exportId, profileId),
    }),
  ]
}

function restoreRoutes(operate: Operate): readonly Served[] {
  const params = z.strictObject({ restoreId: restoreIdField })
  return [
    operate({
      method: 'POST',
      path: '/api/v1/mpc/restore',
      tag,
      summary: 'The device, or Sigpair’s share, is lost: a device that opened the other backup asks to go on with it.',
      body: restoreRequest,
      response: restoreResponse,
      status: 202,
      spends: { buckets: ['key'], of: ({ body }) => ({ bucket: 'key', what: body.intent.nonce.toLowerCase() }) },
      repeats: 'answer',
      handle: ({ caller, body }, { endpoints }) => endpoints.requestRestore(caller, body),
    }),
    operate({
      method: 'POST',
      path: '/api/v1/mpc/restore/:restoreId/confirm',
      tag,
      summary: 'Puts the shares that a recover dialogue staged in force; what the lost device holds is dead.',
      params,
      body: confirmRestoreRequest,
      response: rotateKeyResponse,
      // The request for the restore was counted.
      repeats: 'answer',
      handle: ({ caller, params: { restoreId }, body }, { endpoints }) =>
        endpoints.confirmRestore(caller, restoreId, body),
    }),
    operate({
      method: 'POST',
      path: '/api/v1/mpc/restore/:restoreId/cancel',
      tag,
      summary: 'Ends a restore that is not confirmed; by the device that is enrolled.',
      params,
      body: cancelRestoreRequest,
      response: cancelResponse,
      repeats: 'answer',
      handle: ({ caller, params: { restoreId }, body }, { endpoints }) =>
        endpoints.cancelRestore(caller, restoreId, body),
    }),
  ]
}
