import { requireDurable, type StoreConfig } from '@tandem/store'
import { z } from 'zod'
import { ConfigError, type Env } from './env.ts'
import type { Refusal } from './mode.ts'

type Engine = StoreConfig['kind']

const engineOf = (env: Env): Engine => (env['STORE'] === 'firestore' ? 'firestore' : 'sqlite')

/** A variable that one engine needs: required if that one is chosen, else it may be absent. */
export function neededBy<T extends z.ZodType>(engine: Engine, env: Env, variable: T): T | z.ZodOptional<T> {
  return engineOf(env) === engine ? variable : variable.optional()
}

/** The variables that choose a storage engine. A service adds its file, and a {@link databaseVariable} for each database. */
export const storeVariables = (env: Env) => ({
  STORE: z.enum(['sqlite', 'firestore']).default('sqlite').meta({
    description: 'the storage engine',
    example: 'firestore',
  }),
  STORE_VOLUME: z.string().optional().meta({
    description: 'for SQLite on Cloud Run: the folder where a volume is mounted',
    example: '/mnt/data',
  }),
  FIRESTORE_PROJECT: neededBy(
    'firestore',
    env,
    z
      .string()
      .regex(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, 'the id of a project')
      .meta({ description: 'project of Firestore; demo-… on an emulator', example: 'wallet-production' }),
  ),
  FIRESTORE_EMULATOR_HOST: z
    .string()
    .regex(/^[a-zA-Z0-9.[\]:-]+:[0-9]{1,5}$/, 'host:port')
    .optional()
    .meta({ description: 'an emulator instead of Google’s Firestore; in development only', example: '127.0.0.1:8088' }),
})

/** The id of one database of Firestore's. */
export const databaseVariable = (byDefault: string) =>
  z
    .string()
    .regex(/^(\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$/, 'the id of a database')
    .default(byDefault)
    .meta({ description: 'id of the database in Firestore', example: byDefault })

/** What {@link storeVariables} read, and K_SERVICE. */
export type StoreChoice = {
  readonly STORE: Engine
  readonly STORE_VOLUME?: string | undefined
  readonly FIRESTORE_PROJECT?: string | undefined
  readonly FIRESTORE_EMULATOR_HOST?: string | undefined
  readonly K_SERVICE?: string | undefined
}

/** Where one database is, with either engine. */
export type StorePlace = {
  /** undefined if Firestore was chosen without it */
  readonly path: string | undefined
  readonly databaseId: string
}

/**
 * The engine and place of one database.
 *
 * @throws {ConfigError} for SQLite on Cloud Run outside a mounted volume; for a real project's name on an emulator
 *
 * Source: docs/spec/storage.md 8.7.
 */
export function storeConfig(given: StoreChoice, { path, databaseId }: StorePlace): StoreConfig {
  if (given.STORE === 'firestore') return firestoreConfig(given, databaseId)
  const config = { kind: 'sqlite', path: path ?? '' } as const
  try {
    requireDurable(config, given)
  } catch (cause) {
    throw new ConfigError(`STORE: ${cause instanceof Error ? cause.message : 'not durable'}`, { cause })
  }
  return config
}

function firestoreConfig(given: StoreChoice, databaseId: string): StoreConfig {
  const { FIRESTORE_PROJECT: projectId = '', FIRESTORE_EMULATOR_HOST: emulatorHost } = given
  if (emulatorHost === undefined) return { kind: 'firestore', projectId, databaseId }
  if (!projectId.startsWith('demo-')) {
    throw new ConfigError(
      'FIRESTORE_PROJECT: on an emulator it begins with demo-, which no real one does; else unset FIRESTORE_EMULATOR_HOST',
    )
  }
  return { kind: 'firestore', projectId, databaseId, emulatorHost }
}

/** The Google Cloud project of a real Firestore, which is the one the service runs in; for the names of traces in its log. */
export function projectOf(config: StoreConfig): string | undefined {
  return config.kind === 'firestore' && config.emulatorHost === undefined ? config.projectId : undefined
}

/** For production: an emulator forgets everything. */
export function refuseEmulator({ FIRESTORE_EMULATOR_HOST }: StoreChoice): Refusal {
  if (FIRESTORE_EMULATOR_HOST === undefined) return undefined
  return 'FIRESTORE_EMULATOR_HOST: an emulator forgets every key when it ends; unset it'
}
