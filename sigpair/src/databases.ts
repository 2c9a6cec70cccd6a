import { openStore } from '@tandem/store'
import type { Config } from './config.ts'
import type { Stores } from './stores.ts'

/** Opens both, or none. @throws {StoreError} `UNAVAILABLE` */
export async function openDatabases({
  stores,
}: Pick<Config, 'stores'>): Promise<Pick<Stores, 'parties' | 'presignatures'>> {
  const parties = await openStore(stores.parties)
  try {
    return { parties, presignatures: await openStore(stores.presignatures) }
  } catch (cause) {
    await parties.close()
    throw cause
  }
}
