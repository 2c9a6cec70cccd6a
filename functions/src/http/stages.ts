import type { Caller } from '@tandem/service'
import type { StageResponse } from '@tandem/wire'
import type { StageName } from '../ports/duo-node-keys.ts'

export type StagesDeps = {
  readonly readStage: (caller: Caller, stage: StageName) => Promise<StageResponse>
  readonly abortStage: (caller: Caller, stage: StageName) => Promise<StageResponse>
}

/** As the URL has it. */
export type AskedStage = { readonly keyId: string; readonly stageId: string; readonly epoch: string }

/**
 * GET /api/v1/mpc/keys/:keyId/stages/:stageId: what became of it, with the receipt of what is final. Sigpair knows whose the
 * key is; a first epoch has no profile yet. Spec: docs/spec/flows.md, 9.8.
 */
export const readStage =
  (deps: StagesDeps) =>
  async (caller: Caller, stage: AskedStage): Promise<StageResponse> =>
    deps.readStage(caller, named(stage))

/** DELETE of the same path: gives a staged epoch up, and answers what became of it. */
export const abortStage =
  (deps: StagesDeps) =>
  async (caller: Caller, stage: AskedStage): Promise<StageResponse> =>
    deps.abortStage(caller, named(stage))

const named = (stage: AskedStage): StageName => ({ ...stage, epoch: Number(stage.epoch) })
