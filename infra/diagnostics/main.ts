import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { diagnoseStack } from './stack.ts'

const HELP = `npm run diagnostics -- [options]

Writes one JSON file that somebody may need to help you with the Tandem of "npm start", running or not: versions, settings,
health, how many records there are, the last warnings. It holds no key, token, id, address or amount; read it before you
send it. A deployed service has diagnose.js beside its index.js: see docs/deploy/observability.md.

  --directory PATH   where the stack keeps its data; default .tandem
  --out FILE         default tandem-diagnostics-TIME.json
  --help             this text
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      directory: { type: 'string', default: '.tandem' },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const report = await diagnoseStack(resolve(values.directory), process.env)
  const time = new Date().toISOString().replaceAll(/[:.]/g, '-')
  const file = resolve(values.out ?? `tandem-diagnostics-${time}.json`)
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  process.stdout.write(`${file}\n`)
  return 0
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`diagnostics: ${error instanceof Error ? error.message : String(error)}\n`)
  return 1
})
