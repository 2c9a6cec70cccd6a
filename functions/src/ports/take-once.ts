import { type Data, isStoreError, type Ref, type Store } from '@tandem/store'

/** What is there, for one caller only: it is erased before it is answered. Undefined when there is none, or no longer. */
export async function takeOnce<T extends Data>(store: Store, at: Ref<T>): Promise<T | undefined> {
  const found = await store.get(at)
  if (found === undefined) return undefined
  try {
    await store.delete(at, { ifVersion: found.version })
    return found.data
  } catch (cause) {
    // Another request had it first.
    if (isStoreError(cause, 'CONFLICT')) return undefined
    throw cause
  }
}
