import { parseArgs } from 'node:util'
import { ROOT } from '../bundle/targets.ts'
import { productionPackages } from './deployed.ts'
import { licencesOf } from './licences.ts'
import { readLock } from './lock.ts'

const HELP = `Usage: npm run licences -- [--quiet]

The licence of every package that production runs, from the lock file. Fails, and names it, if one is not permissive: MPL,
LGPL, GPL, AGPL, no licence at all, or one that nobody has judged yet (infra/release/licences.ts has the list).

  --quiet   only what is refused, and the sum
`

const { values } = parseArgs({
  options: { quiet: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
})

if (values.help) process.stdout.write(HELP)
else {
  const lock = readLock(ROOT)
  const rows = licencesOf(lock, productionPackages(lock))
  const refused = rows.filter(({ permissive }) => !permissive)
  for (const { name, version, licence } of values.quiet ? [] : rows)
    process.stdout.write(`${licence.padEnd(22)} ${name} ${version}\n`)
  for (const { name, version, licence } of refused)
    process.stderr.write(`not permissive: ${name} ${version}: ${licence}\n`)
  process.stdout.write(`${rows.length} packages in production, ${refused.length} of them not permissive\n`)
  if (refused.length > 0) process.exitCode = 1
}
