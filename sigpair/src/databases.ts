import { watchStore } from '@tandem/service'
import { type DatabaseName, openStore, type StoreConfig } from '@tandem/store'
import type { Config } from './config.ts'
import type { Stores } from './stores.ts'

/** Opens both, or none. @throws {StoreError} `UNAVAILABLE` */
export async function openDatabases({
  stores,
}: Pick<Config, 'stores'>): Promise<Pick<Stores, 'parties' | 'presignatures'>> {
  const parties = await open(stores.parties, 'parties')
  try {
    return { parties, presignatures: await open(stores.presignatures, 'presignatures') }
  } catch (cause) {
    await parties.close()
    throw cause
  }
}

const open = async (config: StoreConfig, name: DatabaseName) => watchStore(await openStore(config), config.kind, name)
