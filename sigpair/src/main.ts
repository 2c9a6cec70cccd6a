import { createLog, onTermination } from '@tandem/service'
import { readSigpairConfig } from './config.ts'
import { startSigpair } from './start.ts'

const config = readSigpairConfig()
const sigpair = await startSigpair(config)
onTermination(sigpair.close, createLog({ name: 'sigpair', level: config.logLevel }))
