import {
  ConfigError,
  createLog,
  type LogLevel,
  onTermination,
  readTelemetryConfig,
  startTelemetry,
} from '@tandem/service'
import { readSigpairConfig, readSigpairMode, type SigpairMode } from './config.ts'
import { startSigpair } from './start.ts'

/** What each mode runs; what a mode alone needs is loaded by it, for libp2p takes longer to load than all of an ordinary Sigpair. */
const RUNS: Readonly<Record<SigpairMode, () => Promise<void>>> = {
  pair: async () => {
    const config = readSigpairConfig()
    await run('sigpair', config, async () => startSigpair(config))
  },
  committee: async () => {
    const { runCommitteeNode } = await import('./committee/run.ts')
    await runCommitteeNode()
  },
  member: async () => {
    const { readMemberConfig } = await import('./member/config.ts')
    const config = readMemberConfig()
    const { startMember } = await import('./member/start-member.ts')
    await run('sigpair', config, async () => startMember(config))
  },
  gateway: async () => {
    const { readGatewayConfig } = await import('./gateway/config.ts')
    const config = readGatewayConfig()
    const { startGateway } = await import('./gateway/start.ts')
    await run('gateway', config, async () => startGateway(config))
  },
}

try {
  await RUNS[readSigpairMode()]()
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(`sigpair: ${error.message}\n`)
  process.exit(1)
}

/** This process is what `start` starts from now on, until it is told to end. */
async function run(
  name: string,
  { logLevel: level }: { readonly logLevel: LogLevel },
  start: () => Promise<{ readonly close: () => Promise<void> }>,
): Promise<void> {
  const log = createLog({ name, level })
  try {
    const telemetry = await startTelemetry(name, readTelemetryConfig(), log)
    const running = await start()
    onTermination(async () => {
      await running.close()
      await telemetry.close()
    }, log)
  } catch (cause) {
    log.error({ event: 'not-started', cause })
    process.exit(1)
  }
}
