import { parseArgs } from 'node:util'
import { startKms } from './kms.ts'
import { readSealKey } from './kms-seal.ts'

/**
 * The local KMS as a process of its own: `kms-main.ts --file .tandem/kms.json --seal-key FILE`. The key is 64 hex digits;
 * only where MODE is development may keys be written in the clear. Source: docs/deploy/self-hosting.md.
 */
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '9010' },
    file: { type: 'string', default: '.tandem/kms.json' },
    'seal-key': { type: 'string' },
  },
})
const sealKeyFile = values['seal-key']
if (sealKeyFile === undefined && process.env['MODE'] !== 'development')
  throw new Error('production seals the keys of the KMS: give --seal-key FILE')
const sealKey = sealKeyFile === undefined ? undefined : readSealKey(sealKeyFile)
const kms = await startKms({ port: Number(values.port), file: values.file, sealKey })
console.log(`local KMS on 127.0.0.1:${kms.port}, keys in ${values.file}${sealKey === undefined ? '' : ', sealed'}`)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void kms.close())
