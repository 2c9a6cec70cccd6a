import { join } from 'node:path'
import { DATABASES, type DatabaseName, type StoreConfig } from '@tandem/store'

/** What a stack keeps its documents in. The emulator forgets them when it ends. */
export type Storage =
  | { readonly engine: 'sqlite' }
  | {
      readonly engine: 'firestore'
      /** demo-… */
      readonly projectId: string
      /** host:port */
      readonly emulatorHost: string
    }

/** What the user asked for: without `emulatorHost` an emulator is started. */
export type WantedStorage =
  | { readonly engine: 'sqlite' }
  | { readonly engine: 'firestore'; readonly projectId: string; readonly emulatorHost?: string }

/** What every service is told about it; each knows the names of its databases. */
export function storageEnv(storage: Storage): Readonly<Record<string, string>> {
  if (storage.engine === 'sqlite') return { STORE: 'sqlite' }
  const { projectId, emulatorHost } = storage
  return { STORE: 'firestore', FIRESTORE_PROJECT: projectId, FIRESTORE_EMULATOR_HOST: emulatorHost }
}

/** The files of a stack with SQLite, below its directory. */
export const SQLITE_FILES = {
  parties: 'sigpair/parties.sqlite',
  presignatures: 'sigpair/presignatures.sqlite',
  backend: 'backend.sqlite',
} as const satisfies Record<DatabaseName, string>

/** Where a stack has each of its databases, for whoever wants to look into them. */
export function databasesOf(storage: Storage, directory: string): Readonly<Record<DatabaseName, StoreConfig>> {
  const place = (name: DatabaseName): StoreConfig => {
    if (storage.engine === 'sqlite') return { kind: 'sqlite', path: join(directory, SQLITE_FILES[name]) }
    const { projectId, emulatorHost } = storage
    return { kind: 'firestore', projectId, emulatorHost, databaseId: name }
  }
  const names = Object.keys(DATABASES) as DatabaseName[]
  return Object.fromEntries(names.map((name) => [name, place(name)])) as Record<DatabaseName, StoreConfig>
}
