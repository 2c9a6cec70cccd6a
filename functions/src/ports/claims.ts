import { isStoreError, ref, type Store, type Version } from '@tandem/store'
import { WireError } from '@tandem/wire'

/** Work that has not ended by then counts as crashed. Source: api, "in-progress records". */
const CLAIM_MS = 60_000

/**
 * Runs work one at a time per name, across processes.
 *
 * @param now ms since 1970
 * @returns a function that throws {WireError} `REQUEST_IN_PROGRESS` while the name is taken
 */
export function claims(store: Store, now: () => number) {
  return async <R>(name: string, work: () => Promise<R>): Promise<R> => {
    const version = await take(store, name, now() + CLAIM_MS)
    try {
      return await work()
    } finally {
      await giveBack(store, name, version)
    }
  }
}

const refOf = (name: string) => ref('claims', name)

async function take(store: Store, name: string, expireAt: number): Promise<Version> {
  try {
    return await store.create(refOf(name), {}, { expireAt })
  } catch (cause) {
    if (isStoreError(cause, 'EXISTS')) throw new WireError('REQUEST_IN_PROGRESS', undefined, { cause, retryAfter: 1 })
    throw cause
  }
}

/** If it ran out meanwhile it may be another's by now: that one stays. */
async function giveBack(store: Store, name: string, version: Version): Promise<void> {
  try {
    await store.delete(refOf(name), { ifVersion: version })
  } catch (cause) {
    if (!isStoreError(cause, 'CONFLICT')) throw cause
  }
}
