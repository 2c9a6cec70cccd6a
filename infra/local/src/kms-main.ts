import { parseArgs } from 'node:util'
import { startKms } from './kms.ts'

/** The local KMS as a process of its own: `kms-main.ts --port 9010 --file .tandem/kms.json`. */
const { values } = parseArgs({
  options: { port: { type: 'string', default: '9010' }, file: { type: 'string', default: '.tandem/kms.json' } },
})
const kms = await startKms({ port: Number(values.port), file: values.file })
console.log(`local KMS on 127.0.0.1:${kms.port}, keys in ${values.file}`)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void kms.close())
