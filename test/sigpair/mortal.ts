import { type Store, StoreError, type Transaction } from '@tandem/store'
import type { Stores } from '@tandem/sigpair'

/** When an instance dies: at its n-th durable write, counted from 1 over both databases, and whether that write still arrives. */
export type Death = { readonly at: number; readonly when: 'before' | 'after' }

/** An instance that dies at a write, and its databases for what comes after. */
export type Mortal = { readonly stores: Stores; readonly writes: () => number }

/** From its death on every call fails, as if the process were gone: what it had in mind never happens. */
export function mortal(stores: Stores, death?: Death): Mortal {
  let writes = 0
  let dead = false
  const alive = async <R>(act: () => Promise<R>): Promise<R> => {
    if (dead) throw new StoreError('UNAVAILABLE', 'dead')
    return act()
  }
  const write = async <R>(act: () => Promise<R>): Promise<R> =>
    alive(async () => {
      writes++
      if (writes !== death?.at) return act()
      dead = true
      if (death.when === 'after') await act()
      throw new StoreError('UNAVAILABLE', 'died here')
    })
  const wrap = (store: Store): Store => ({
    ...store,
    get: async (ref) => alive(async () => store.get(ref)),
    list: async (collection, query) => alive(async () => store.list(collection, query)),
    create: async (ref, data, options) => write(async () => store.create(ref, data, options)),
    update: async (ref, data, options) => write(async () => store.update(ref, data, options)),
    delete: async (ref, options) => write(async () => store.delete(ref, options)),
    transaction: async <R>(fn: (tx: Transaction) => Promise<R>, options?: { readonly maxAttempts?: number }) =>
      write(async () => store.transaction(fn, options)),
  })
  const wrapped = { ...stores, parties: wrap(stores.parties), presignatures: wrap(stores.presignatures) }
  return { stores: wrapped, writes: () => writes }
}
