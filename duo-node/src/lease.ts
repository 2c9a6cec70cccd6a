import { isStoreError, ref, type Store, type Version } from '@tandem/store'

export type Lease = {
  /** ms since 1970; from then on somebody else may have the key */
  readonly until: number
}

/**
 * Has a key's events for itself, across instances, while `work` runs. An instance that dies keeps them until its lease ends.
 *
 * @returns whether nobody else had it, and `work` has run
 */
export async function underLease(
  store: Store,
  keyId: string,
  clock: { readonly leaseMs: number; readonly now: () => number },
  work: (lease: Lease) => Promise<void>,
): Promise<boolean> {
  const until = clock.now() + clock.leaseMs
  const version = await take(store, keyId, until)
  if (version === undefined) return false
  try {
    await work({ until })
  } finally {
    await giveBack(store, keyId, version)
  }
  return true
}

const leaseOf = (keyId: string) => ref('event-leases', keyId)

async function take(store: Store, keyId: string, expireAt: number): Promise<Version | undefined> {
  try {
    return await store.create(leaseOf(keyId), {}, { expireAt })
  } catch (error) {
    if (isStoreError(error, 'EXISTS')) return undefined
    throw error
  }
}

/** If it ran out it may be another's by now: that one stays. */
async function giveBack(store: Store, keyId: string, ifVersion: Version): Promise<void> {
  try {
    await store.delete(leaseOf(keyId), { ifVersion })
  } catch (error) {
    if (!isStoreError(error, 'CONFLICT')) throw error
  }
}
