import { parseArgs } from 'node:util'
import { ConfigError, createLog, type Log } from '@tandem/service'
import { type Config, readSigpairConfig } from './config.ts'
import { openDatabases } from './databases.ts'
import { createKms } from './seal/kms.ts'
import { rewrapAll } from './seal/rewrap.ts'
import { createSealer } from './seal/seal.ts'

const USAGE = `After a rotation of the KMS key: seals everything again that an older version has wrapped.

  node sigpair/src/rewrap.ts [--limit COUNT]

It reads the environment of Sigpair, may run beside it, and can be ended and repeated at any time. It ends with 0 once
everything is under the primary version; with 1 if something is not, and then the old version must not be disabled yet.

--limit  rewraps about so many values and stops
`

/** Source: docs/spec/storage.md 2.7. */
async function main(): Promise<number> {
  const { help, limit } = readArguments()
  if (help) {
    process.stdout.write(USAGE)
    return 0
  }
  const config = readSigpairConfig()
  const log = createLog({ name: 'sigpair-rewrap', level: config.logLevel })
  try {
    return await run(config, limit, log)
  } catch (cause) {
    log.error({ event: 'rewrap.failed', cause })
    return 1
  }
}

async function run(config: Config, limit: number | undefined, log: Log): Promise<number> {
  const ending = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ending.abort())
  const databases = await openDatabases(config)
  const kms = createKms(config.kms)
  try {
    const done = await rewrapAll(
      { ...databases, kms, sealer: createSealer(kms) },
      {
        ...(limit === undefined ? {} : { limit }),
        signal: ending.signal,
        progress: (far) => log.info({ event: 'rewrap.progress', ...far }),
        failure: (document, cause) => log.error({ event: 'rewrap.unreadable', document, cause }),
      },
    )
    log.info({ event: 'rewrap.done', ...done })
    return done.complete ? 0 : 1
  } finally {
    await Promise.all([databases.parties.close(), databases.presignatures.close(), kms.close()])
  }
}

function readArguments(): { readonly help: boolean; readonly limit: number | undefined } {
  const options = { help: { type: 'boolean', default: false }, limit: { type: 'string' } } as const
  const { help, limit } = parseArgs({ options }).values
  if (limit !== undefined && !/^[1-9][0-9]{0,8}$/.test(limit)) throw new ConfigError('--limit: a count above zero')
  return { help, limit: limit === undefined ? undefined : Number(limit) }
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`rewrap: ${error instanceof Error ? error.message : String(error)}\n`)
  return 1
})
