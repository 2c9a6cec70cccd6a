import { existsSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { DATABASES, type DatabaseName, type Store, type StoreConfig, StoreError } from '@tandem/store'
import { ConfigError } from '../env.ts'
import { runChecks } from '../health.ts'
import { errorType } from '../telemetry/error-type.ts'
import { describeEnv } from './config.ts'

export type DiagnosedDatabase = { readonly name: DatabaseName; readonly config: StoreConfig; readonly store: Store }

/** What a service stands on, opened for a look. */
export type Opened = {
  readonly databases: readonly DiagnosedDatabase[]
  /** each rejects if the dependency of that name cannot be used */
  readonly checks: Readonly<Record<string, () => Promise<unknown>>>
  readonly close: () => Promise<unknown>
}

export type Diagnosable = {
  readonly service: string
  /** files that must be there: nothing is created for a diagnosis */
  readonly open: () => Promise<Opened>
}

/** Counted no further: a diagnosis must not become load. */
const MOST = 10_000
const PAGE = 500

/** A process that has just begun loads its libraries first. */
const CHECK_MS = 10_000

/**
 * What somebody who helps from outside needs to know of a service, and nothing he must not: versions, settings by an
 * allow-list, health, how many records there are, memory. No id, no address, no text of anybody's.
 *
 * Source: docs/deploy/observability.md, section 6.
 */
export async function diagnose({ service, open }: Diagnosable): Promise<object> {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const facts = await lookAt(open)
  delay.disable()
  const { rss, heapUsed } = process.memoryUsage()
  return {
    service,
    at: new Date().toISOString(),
    versions: versions(),
    config: describeEnv(),
    ...facts,
    process: { rssBytes: rss, heapUsedBytes: heapUsed, eventLoopDelayMaxMs: Math.round(delay.max / 1e6) },
  }
}

async function lookAt(open: Diagnosable['open']): Promise<object> {
  let opened: Opened | undefined
  try {
    opened = await open()
    const { databases, checks } = opened
    const failed = await runChecks(checks, CHECK_MS)
    const health = Object.keys(checks).map((name) => [name, failed.includes(name) ? 'fails' : 'holds'] as const)
    return { health: Object.fromEntries(health), databases: await Promise.all(databases.map(describe)) }
  } catch (error) {
    return { notOpened: whyNot(error) }
  } finally {
    await opened?.close()
  }
}

/** Names of variables, never the message: it was written for somebody who may see the values beside it. */
function whyNot(error: unknown): object {
  if (!(error instanceof ConfigError)) return { error: errorType(error).type }
  const names = error.message.matchAll(/\b([A-Z][A-Z_]{2,40})\b/g)
  const known = new Set(Object.keys(describeEnv(Object.fromEntries([...names].map(([name]) => [name, '1'])))))
  return { error: 'CONFIGURATION', variables: [...known] }
}

async function describe({ name, config, store }: DiagnosedDatabase): Promise<object> {
  const counts = []
  for (const collection of DATABASES[name].collections)
    counts.push([collection, await count(store, collection)] as const)
  return { name, engine: config.kind, records: Object.fromEntries(counts) }
}

async function count(store: Store, collection: string): Promise<number | string> {
  let records = 0
  let after: string | undefined
  do {
    const page = await store.list(collection, { limit: PAGE, ...(after === undefined ? {} : { after }) })
    records += page.docs.length
    after = page.next
  } while (after !== undefined && records < MOST)
  return after === undefined ? records : `at least ${records}`
}

function versions(): object {
  const { node, v8, openssl, sqlite = '' } = process.versions
  return { node, v8, openssl, sqlite, platform: process.platform, arch: process.arch }
}

/** @throws {StoreError} `UNAVAILABLE` for a SQLite file that is not there, so that a look does not make one */
export function requirePresent(config: StoreConfig): StoreConfig {
  if (config.kind === 'sqlite' && !existsSync(config.path)) {
    throw new StoreError('UNAVAILABLE', 'the database file is not there')
  }
  return config
}

/** A diagnosis as a program: JSON on standard output, one line, which a log keeps together. */
export async function printDiagnosis(of: Diagnosable): Promise<void> {
  process.stdout.write(`${JSON.stringify(await diagnose(of))}\n`)
}
