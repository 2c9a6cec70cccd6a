import type { Backend } from '@tandem/ecdsa'
import { type Incoming, type Route, route } from '@tandem/service'
import {
  keyBackupRequest,
  keyBackupResponse,
  keyCancelResponse,
  keyDeleteRequest,
  keyDeleteResponse,
  keyDrillRequest,
  keyDrillResponse,
  keyExportConfirmRequest,
  keyExportConfirmResponse,
  keyExportParams,
  keyExportRequest,
  keyExportResponse,
  keyFreezeResponse,
  keyParams,
  keyRecoveryKeyRequest,
  keyRecoveryKeyResponse,
  keyRestoreCancelRequest,
  keyRestoreConfirmRequest,
  keyRestoreParams,
  keyRestoreRequest,
  keyRestoreResponse,
  keyRotateResponse,
  noBody,
  WireError,
} from '@tandem/wire'
import type { z } from 'zod'
import { auditDenied } from '../audit/audit-denied.ts'
import type { AuditMethod } from '../audit/audit-records.ts'
import { signedHead } from '../audit/audit-read.ts'
import type { ShareTasks } from '../compute/share-tasks.ts'
import { backUp } from '../keys/backup.ts'
import { deleteKey } from '../keys/delete.ts'
import { drill } from '../keys/drill.ts'
import { cancelExport, confirmExport, prepareExport } from '../keys/export.ts'
import { freeze } from '../keys/freeze.ts'
import type { SigpairIdentity } from '../keys/identity.ts'
import { changeRecoveryKey } from '../keys/recovery-key.ts'
import { cancelRestore, confirmRestore, requestRestore } from '../keys/restore.ts'
import type { Stores } from '../stores.ts'

export type KeyRouteDeps = {
  readonly stores: Stores
  readonly identity: SigpairIdentity
  readonly backend: Backend
  readonly tasks: ShareTasks
  /** how long a loosened policy waits, and with it an export, a restore and another recovery key; ms */
  readonly policyDelayMs: number
}

type CallerOf = (incoming: Incoming) => Promise<string>

/** One call about one key: what it is called in the log, and what it does. */
type Act<Body, Params> = {
  readonly path: string
  readonly method?: 'POST' | 'PUT'
  readonly audit: AuditMethod
  readonly params: z.ZodType<Params>
  readonly body: z.ZodType<Body>
  readonly response: z.ZodType
  /** whether the answer carries the end of the key's chain */
  readonly head: boolean
  readonly act: (asked: { readonly owner: string; readonly params: Params; readonly body: Body }) => Promise<object>
}

/** What the owner of a key in force may ask besides signing. Source: docs/spec/flows.md, sections 10 to 14. */
export function keyCareRoutes(deps: KeyRouteDeps, caller: CallerOf): Route[] {
  return [
    ...backupRoutes(deps, caller),
    ...exportRoutes(deps, caller),
    ...restoreRoutes(deps, caller),
    ...endRoutes(deps, caller),
  ]
}

function backupRoutes(deps: KeyRouteDeps, caller: CallerOf): Route[] {
  const { stores, backend, tasks, policyDelayMs: delayMs } = deps
  return [
    keyRoute(deps, caller, {
      path: '/backup',
      audit: 'key.backup',
      params: keyParams,
      body: keyBackupRequest,
      response: keyBackupResponse,
      head: true,
      act: ({ owner, params, body }) => backUp(stores, { backend, tasks }, { owner, ...params, ...body }),
    }),
    keyRoute(deps, caller, {
      path: '/recovery-key',
      method: 'PUT',
      audit: 'key.recovery-key',
      params: keyParams,
      body: keyRecoveryKeyRequest,
      response: keyRecoveryKeyResponse,
      head: true,
      act: ({ owner, params, body }) => changeRecoveryKey(stores, { backend, delayMs }, { owner, ...params, ...body }),
    }),
    keyRoute(deps, caller, {
      path: '/drill',
      audit: 'key.drill',
      params: keyParams,
      body: keyDrillRequest,
      response: keyDrillResponse,
      head: false,
      act: ({ owner, params, body }) => drill(stores, { tasks }, { owner, ...params, ...body }),
    }),
  ]
}

function exportRoutes(deps: KeyRouteDeps, caller: CallerOf): Route[] {
  const { stores, tasks, policyDelayMs: delayMs } = deps
  return [
    keyRoute(deps, caller, {
      path: '/export',
      audit: 'key.export',
      params: keyParams,
      body: keyExportRequest,
      response: keyExportResponse,
      head: true,
      act: ({ owner, params, body }) => prepareExport(stores, { delayMs }, { owner, ...params, ...body }),
    }),
    keyRoute(deps, caller, {
      path: '/export/:exportId/confirm',
      audit: 'key.export-confirm',
      params: keyExportParams,
      body: keyExportConfirmRequest,
      response: keyExportConfirmResponse,
      head: true,
      act: ({ owner, params, body }) => {
        requireNamed('exportId', params.exportId, body.body.exportId)
        return confirmExport(stores, { tasks }, { owner, keyId: params.keyId, ...body })
      },
    }),
    keyRoute(deps, caller, {
      path: '/export/:exportId/cancel',
      audit: 'key.export-cancel',
      params: keyExportParams,
      body: noBody,
      response: keyCancelResponse,
      head: false,
      act: ({ owner, params }) => cancelExport(stores, { owner, ...params }),
    }),
  ]
}

function restoreRoutes(deps: KeyRouteDeps, caller: CallerOf): Route[] {
  const { stores, backend, policyDelayMs: delayMs } = deps
  return [
    keyRoute(deps, caller, {
      path: '/restore',
      audit: 'key.restore',
      params: keyParams,
      body: keyRestoreRequest,
      response: keyRestoreResponse,
      head: true,
      act: ({ owner, params, body }) => requestRestore(stores, { backend, delayMs }, { owner, ...params, ...body }),
    }),
    keyRoute(deps, caller, {
      path: '/restore/:restoreId/confirm',
      audit: 'key.restore-confirm',
      params: keyRestoreParams,
      body: keyRestoreConfirmRequest,
      response: keyRotateResponse,
      head: true,
      act: ({ owner, params, body }) => {
        requireNamed('restoreId', params.restoreId, body.body.restoreId)
        return confirmRestore(stores, deps, { owner, keyId: params.keyId, ...body })
      },
    }),
    keyRoute(deps, caller, {
      path: '/restore/:restoreId/cancel',
      audit: 'key.restore-cancel',
      params: keyRestoreParams,
      body: keyRestoreCancelRequest,
      response: keyCancelResponse,
      head: false,
      act: ({ owner, params, body }) => {
        requireNamed('restoreId', params.restoreId, body.body.restoreId)
        return cancelRestore(stores, { owner, keyId: params.keyId, ...body })
      },
    }),
  ]
}

function endRoutes(deps: KeyRouteDeps, caller: CallerOf): Route[] {
  const { stores } = deps
  return [
    keyRoute(deps, caller, {
      path: '/freeze',
      audit: 'key.freeze',
      params: keyParams,
      body: noBody,
      response: keyFreezeResponse,
      head: true,
      act: async ({ owner, params }) => ({ keyStatus: await freeze(stores, { owner, ...params }) }),
    }),
    keyRoute(deps, caller, {
      path: '/delete',
      audit: 'key.delete',
      params: keyParams,
      body: keyDeleteRequest,
      response: keyDeleteResponse,
      head: true,
      act: ({ owner, params, body }) => deleteKey(stores, { owner, ...params, ...body }),
    }),
  ]
}

/** Every refusal leaves a line too, and every answer that promises one carries the head of the chain. Spec: audit 1.4, 3.1. */
function keyRoute<Body, Params extends { readonly keyId: string }>(
  { stores, identity }: KeyRouteDeps,
  caller: CallerOf,
  { path, method = 'POST', audit, params, body, response, head, act }: Act<Body, Params>,
): Route {
  return route({
    method,
    path: `/internal/keys/:keyId${path}`,
    caller,
    params,
    body,
    response,
    handle: async (call) => {
      const { caller: owner } = call
      const { keyId } = call.params
      const done = async () => act({ owner, params: call.params, body: call.body })
      const answer = await auditDenied(stores, { method: audit, keyId, owner }, done)
      if (!head) return { status: 200, body: answer }
      return {
        status: 200,
        body: { ...answer, audit: await signedHead({ stores, identity: identity.identity }, keyId) },
      }
    },
  })
}

/** The path says what the intent signs, or it lies. */
function requireNamed(field: string, inPath: string, signed: string): void {
  if (inPath !== signed) throw new WireError('VALIDATION_FAILED', `${field}: not the one in the path`)
}
