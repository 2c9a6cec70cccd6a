import { toWireError } from '@tandem/service'
import { limits } from '@tandem/wire'
import { abortOpened } from './stage-fate.ts'
import type { OpenStageRecord } from '../records.ts'
import { keyAt, OPEN_STAGES, openStageAt, type Stores } from '../stores.ts'

type Databases = Pick<Stores, 'parties' | 'presignatures' | 'now'>

const PAGE = 200

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
    for (const { data } of old) left += (await abortOld(stores, data)) ? 0 : 1
    if (next === undefined) return left
    after = next
  }
}

async function abortOld(stores: Databases, { keyId, stageId }: OpenStageRecord): Promise<boolean> {
  const key = await stores.parties.get(keyAt(keyId))
  if (!key) {
    await stores.parties.delete(openStageAt(keyId))
    return true
  }
  const epoch = (key.data.current?.epoch ?? -1) + 1
  try {
    await abortOpened(stores, { keyId, stageId, epoch }, { reason: 'too old' })
    return true
  } catch (error) {
    if (toWireError(error).code !== 'KEY_FROZEN') throw error
    return false
  }
}
