import { onTermination, readTelemetryConfig, startTelemetry } from '@tandem/service'
import { readDuoNodeConfig } from './config.ts'
import { logOf, startDuoNode } from './start.ts'

const config = readDuoNodeConfig()
const telemetry = await startTelemetry('duo-node', readTelemetryConfig(), logOf(config))
const { url, log, close } = await startDuoNode(config)
log.info({ event: 'started', url })
onTermination(async () => {
  await close()
  await telemetry.close()
}, log)
