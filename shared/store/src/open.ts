import { relative, resolve, sep } from 'node:path'
import { openFirestore } from './firestore.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './types.ts'

/** Which engine, and where. */
export type StoreConfig =
  | { readonly kind: 'sqlite'; readonly path: string }
  | {
      readonly kind: 'firestore'
      readonly projectId: string
      readonly databaseId: string
      /** host:port */
      readonly emulatorHost?: string
    }

/** @throws what {@link openSqlite} and {@link openFirestore} throw */
export async function openStore(config: StoreConfig, options: { readonly clock?: () => number } = {}): Promise<Store> {
  return config.kind === 'sqlite' ? openSqlite({ ...config, ...options }) : openFirestore({ ...config, ...options })
}

/**
 * Refuses a file that is gone when its instance is: the disk of Cloud Run is memory.
 *
 * @param env K_SERVICE is set on Cloud Run; STORE_VOLUME names the folder where a volume is mounted
 * @throws {TypeError} for SQLite on Cloud Run, unless its file lies on that volume
 */
export function requireDurable(
  config: StoreConfig,
  env: { readonly K_SERVICE?: string | undefined; readonly STORE_VOLUME?: string | undefined },
): void {
  if (config.kind !== 'sqlite' || env.K_SERVICE === undefined) return
  if (env.STORE_VOLUME === undefined || !isWithin(env.STORE_VOLUME, config.path))
    throw new TypeError('the disk of Cloud Run is memory: use Firestore, or name the mounted volume in STORE_VOLUME')
}

function isWithin(folder: string, path: string): boolean {
  const [first] = relative(resolve(folder), resolve(path)).split(sep)
  return first !== '' && first !== '..'
}
