import type { Caller } from '@tandem/service'
import {
  type KeyRotateRequest,
  type KeyRotateResponse,
  type RotateKeyRequest,
  type RotateKeyResponse,
  type StageResponse,
  WireError,
} from '@tandem/wire'
import type { StageName } from '../ports/duo-node-keys.ts'
import type { Profile } from '../ports/profiles.ts'
import type { ProveOnce } from '../two-factor/prove-once.ts'

export type RotateKeyDeps = {
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly readStage: (caller: Caller, stage: StageName) => Promise<StageResponse>
  readonly proveOnce: ProveOnce
  readonly rotateKey: (caller: Caller, keyId: string, request: KeyRotateRequest) => Promise<KeyRotateResponse>
}

/**
 * POST /api/v1/mpc/rotate-key: puts a staged epoch in force. Repeatable: a stage that is in force needs no code and gets the
 * same receipt and record. Spec: docs/spec/flows.md, 9.6.
 */
export const rotateKey =
  (deps: RotateKeyDeps) =>
  async (
    caller: Caller,
    { profileId, stageId, backups, repair, intent, twoFactorCode }: RotateKeyRequest,
  ): Promise<RotateKeyResponse> => {
    const profile = await deps.requireProfile(caller.sub, profileId)
    const { keyId } = profile
    // The epoch decides between `aborted` and `unknown`; neither matters here.
    const { fate } = await deps.readStage(caller, { keyId, stageId, epoch: intent.epoch })
    if (fate !== 'committed') await deps.proveOnce(caller, intent, twoFactorCode)
    const body = { stageId, backups, ...(repair === undefined ? {} : { repair }) }
    return rotated(profile, await deps.rotateKey(caller, keyId, { body, intent }))
  }

/** What a commit of a new epoch answers. @throws {WireError} `INTERNAL` if Sigpair speaks of another key */
export function rotated(profile: Profile, answer: KeyRotateResponse): RotateKeyResponse {
  const { keyId, publicKey, ...rest } = answer
  if (!same(keyId, profile.keyId) || !same(publicKey, profile.publicKey))
    throw new WireError('INTERNAL', undefined, { cause: new Error('Sigpair rotated another key') })
  return { status: 'rotated', address: profile.address, ...rest }
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}
