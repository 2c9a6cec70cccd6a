import { toWireError } from '@tandem/service'
import { type Doc, isStoreError, type Version } from '@tandem/store'
import { limits } from '@tandem/wire'
import { sameBytes } from '../crypto/hash.ts'
import { abortOpened } from './stage-fate.ts'
import type { KeyRecord, OpenStageRecord } from '../records.ts'
import { keyAt, OPEN_STAGES, openStageAt, type Stores } from '../stores.ts'

type Databases = Pick<Stores, 'parties' | 'presignatures' | 'now'>

const PAGE = 200

/** How long a member that was away may be shown that its complete stage is in force. Source: docs/spec/storage.md 10.3. */
export const COMPLETE_STAGE_MS = 31 * 24 * 3_600_000

/**
 * Aborts the stages that are too old. One that may be in force stays, and so does whatever a store does not answer for: the next
 * sweep tries again.
 *
 * @returns how many are left that should be gone
 *
 * Source: docs/spec/refresh.md 3.4.
 */
export async function abortOldStages(stores: Databases): Promise<number> {
  let left = 0
  for (let after: string | undefined; ; ) {
    const page = { limit: PAGE, ...(after === undefined ? {} : { after }) }
    const { docs, next } = await stores.parties.list<OpenStageRecord>(OPEN_STAGES, page)
    const old = docs.filter(({ data }) => stores.now() >= data.openedAt + limits.PENDING_MS)
    for (const one of old) left += (await abortOld(stores, one)) ? 0 : 1
    if (next === undefined) return left
    after = next
  }
}

/** A member's complete stage may be in force with the others, who will say so. */
function isKept(key: KeyRecord | undefined, now: number): boolean {
  if (!key?.stage?.acknowledged || !key.stage.held.committee) return false
  return now < (key.opened?.at ?? 0) + COMPLETE_STAGE_MS
}

/** @returns whether nothing is left to do */
async function abortOld(
  stores: Databases,
  { data: { keyId, stageId }, version }: Doc<OpenStageRecord>,
): Promise<boolean> {
  const key = (await stores.parties.get(keyAt(keyId)))?.data
  const open = key?.stage?.held.stageId ?? key?.begun
  if (!open || !sameBytes(open, stageId)) return forget(stores, keyId, version)
  if (isKept(key, stores.now())) return true
  const epoch = (key?.current?.epoch ?? -1) + 1
  try {
    await abortOpened(stores, { keyId, stageId, epoch }, { reason: 'too old' })
    return true
  } catch (error) {
    if (toWireError(error).code !== 'KEY_FROZEN') throw error
    return false
  }
}

/** An entry whose stage is gone; if another has begun meanwhile it is that one's. */
async function forget({ parties }: Databases, keyId: string, ifVersion: Version): Promise<boolean> {
  try {
    await parties.delete(openStageAt(keyId), { ifVersion })
  } catch (error) {
    if (!isStoreError(error, 'CONFLICT')) throw error
  }
  return true
}
