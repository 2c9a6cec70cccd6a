import { createLog, onTermination, readTelemetryConfig, startTelemetry } from '@tandem/service'
import { type CommitteeConfig, readCommitteeConfig } from './config.ts'
import { openCommittee } from './operations/open-committee.ts'
import { startCommitteeNode } from './start.ts'

/**
 * This process is a node of a committee from now on, until it is told to end.
 *
 * @throws {ConfigError} before anything is opened
 */
export async function runCommitteeNode(config: CommitteeConfig = readCommitteeConfig()): Promise<void> {
  const log = createLog({ name: 'committee', level: config.logLevel })
  try {
    const telemetry = await startTelemetry('committee', readTelemetryConfig(), log)
    const node = await startCommitteeNode(config, openCommittee)
    onTermination(async () => {
      await node.close()
      await telemetry.close()
    }, log)
  } catch (cause) {
    log.error({ event: 'not-started', cause })
    process.exit(1)
  }
}
