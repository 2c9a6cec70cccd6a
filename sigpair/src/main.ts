import { ConfigError, createLog, onTermination } from '@tandem/service'
import { type Config, readSigpairConfig } from './config.ts'
import { startSigpair } from './start.ts'

const config = configOrExit()
const log = createLog({ name: 'sigpair', level: config.logLevel })
try {
  const sigpair = await startSigpair(config)
  onTermination(sigpair.close, log)
} catch (cause) {
  log.error({ event: 'not-started', cause })
  process.exit(1)
}

function configOrExit(): Config {
  try {
    return readSigpairConfig()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`sigpair: ${error.message}\n`)
    return process.exit(1)
  }
}
