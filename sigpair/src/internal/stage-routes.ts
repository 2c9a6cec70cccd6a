import { type Incoming, type Route, route } from '@tandem/service'
import {
  abortStageRequest,
  fromHex,
  keyParams,
  keyRotateRequest,
  keyRotateResponse,
  keyStageParams,
  keyStageResponse,
  stageQuery,
} from '@tandem/wire'
import { auditDenied } from '../audit/audit-denied.ts'
import { signedHead } from '../audit/audit-read.ts'
import { rotateKey } from '../keys/rotate.ts'
import { abortStage, readStage, type ReceiptDeps } from '../keys/stage-fate.ts'
import type { Stores } from '../stores.ts'

export type StageRouteDeps = ReceiptDeps & { readonly stores: Stores }

type CallerOf = (incoming: Incoming) => Promise<string>

const STAGE = '/internal/keys/:keyId/stages/:stageId'

/** What became of a staged epoch, giving it up, and putting it in force. Source: docs/spec/flows.md, section 9. */
export function stageRoutes(deps: StageRouteDeps, caller: CallerOf): Route[] {
  const { stores, identity } = deps
  return [
    route({
      method: 'GET',
      path: STAGE,
      caller,
      params: keyStageParams,
      query: stageQuery,
      response: keyStageResponse,
      handle: async ({ caller: owner, params: { keyId, stageId }, queryFields }) => {
        const name = { keyId, stageId: fromHex(stageId), epoch: Number(queryFields.epoch) }
        return { status: 200, body: await readStage(stores, deps, owner, name) }
      },
    }),
    route({
      method: 'POST',
      path: `${STAGE}/abort`,
      caller,
      params: keyStageParams,
      body: abortStageRequest,
      response: keyStageResponse,
      handle: async ({ caller: owner, params: { keyId, stageId }, body: { epoch } }) => {
        const abort = async () => abortStage(stores, deps, owner, { keyId, stageId: fromHex(stageId), epoch })
        return { status: 200, body: await auditDenied(stores, { method: 'key.abort', keyId, owner }, abort) }
      },
    }),
    route({
      method: 'POST',
      path: '/internal/keys/:keyId/rotate',
      caller,
      params: keyParams,
      body: keyRotateRequest,
      response: keyRotateResponse,
      handle: async ({ caller: owner, params: { keyId }, body }) => {
        const rotate = async () => rotateKey(stores, deps, { owner, keyId, ...body })
        const rotated = await auditDenied(stores, { method: 'key.rotate', keyId, owner }, rotate)
        const audit = await signedHead({ stores, identity: identity.identity }, keyId)
        return { status: 200, body: { ...rotated, audit } }
      },
    }),
  ]
}
