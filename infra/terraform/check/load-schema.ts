import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ProviderSchema } from './schema.ts'

/** The committed extract: the resource types that are in use. */
export function loadSchema(): ProviderSchema {
  const file = resolve(import.meta.dirname, 'google.generated.json')
  return JSON.parse(readFileSync(file, 'utf8')) as ProviderSchema
}
