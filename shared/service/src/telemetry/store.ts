import type { DatabaseName, Ref, Store, StoreConfig } from '@tandem/store'
import type { Attributes } from './attributes.ts'
import { isTelemetryOn, span, timed } from './telemetry.ts'

const SYSTEMS = { sqlite: 'sqlite', firestore: 'gcp.firestore' } as const

/** The same store, each call a span where it is part of one, and measured. Off, it is the store itself. */
export function watchStore(store: Store, kind: StoreConfig['kind'], database: DatabaseName): Store {
  if (!isTelemetryOn()) return store
  const seen = <T>(operation: string, collection: string | undefined, act: () => Promise<T>): Promise<T> => {
    const attributes: Attributes = {
      'db.system.name': SYSTEMS[kind],
      'db.namespace': database,
      'db.operation.name': operation,
      'db.collection.name': collection,
    }
    const name = collection === undefined ? `${operation} ${database}` : `${operation} ${collection}`
    return span({ name, kind: 'client', attributes }, async () =>
      timed('db.client.operation.duration', attributes, act),
    )
  }
  const at = ({ collection }: Ref) => collection
  return {
    get: async (ref) => seen('get', at(ref), async () => store.get(ref)),
    create: async (ref, ...rest) => seen('create', at(ref), async () => store.create(ref, ...rest)),
    update: async (ref, ...rest) => seen('update', at(ref), async () => store.update(ref, ...rest)),
    delete: async (ref, ...rest) => seen('delete', at(ref), async () => store.delete(ref, ...rest)),
    transaction: async (...given) => seen('transaction', undefined, async () => store.transaction(...given)),
    list: async (collection, query) => seen('list', collection, async () => store.list(collection, query)),
    sweep: async (...given) => seen('sweep', undefined, async () => store.sweep(...given)),
    close: store.close,
  }
}
