import type { StoreConfig } from '@tandem/store'

/** The file of a database that is one. */
export function pathOf(config: StoreConfig): string {
  if (config.kind !== 'sqlite') throw new Error(`${config.databaseId} is no file`)
  return config.path
}
