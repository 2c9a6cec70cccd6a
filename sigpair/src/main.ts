import { ConfigError, createLog, onTermination } from '@tandem/service'
import { readSigpairConfig, readSigpairMode } from './config.ts'
import { startSigpair } from './start.ts'

try {
  await (readSigpairMode() === 'committee' ? runNode() : runPair())
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(`sigpair: ${error.message}\n`)
  process.exit(1)
}

async function runPair(): Promise<void> {
  const config = readSigpairConfig()
  const log = createLog({ name: 'sigpair', level: config.logLevel })
  try {
    const sigpair = await startSigpair(config)
    onTermination(sigpair.close, log)
  } catch (cause) {
    log.error({ event: 'not-started', cause })
    process.exit(1)
  }
}

/** Loaded when wanted: libp2p takes longer to load than all of an ordinary Sigpair. */
async function runNode(): Promise<void> {
  const { runCommitteeNode } = await import('./committee/run.ts')
  await runCommitteeNode()
}
