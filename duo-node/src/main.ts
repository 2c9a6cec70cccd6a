import { onTermination } from '@tandem/service'
import { readDuoNodeConfig } from './config.ts'
import { startDuoNode } from './start.ts'

const { url, log, close } = await startDuoNode(readDuoNodeConfig())
log.info({ event: 'started', url })
onTermination(close, log)
