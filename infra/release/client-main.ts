import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../bundle/targets.ts'
import { buildClient } from './client.ts'

/** `npm run pack:client -- [--out DIRECTORY]`: @tandem/client as a tarball that installs into an empty project. */
const { values } = parseArgs({ options: { out: { type: 'string', default: 'dist' } } })
const out = resolve(ROOT, values.out)
mkdirSync(out, { recursive: true })
await buildClient(join(out, 'client'))
const packed = execFileSync('npm', ['pack', join(out, 'client'), '--pack-destination', out, '--json', '--silent'], {
  encoding: 'utf8',
})
const [{ filename }] = JSON.parse(packed) as [{ filename: string }]
const digest = createHash('sha256').update(readFileSync(join(out, filename)))
process.stdout.write(`${filename}  sha256:${digest.digest('hex')}\n`)
