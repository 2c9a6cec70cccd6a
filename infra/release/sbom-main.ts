import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../bundle/targets.ts'
import { normalise } from './sbom.ts'

/** `npm run sbom`: what production is made of, by the lock file, as CycloneDX in dist/sbom.cdx.json. */
const ARGS = ['sbom', '--sbom-format=cyclonedx', '--package-lock-only', '--omit=dev', '--sbom-type=application']
const raw = execFileSync('npm', ARGS, { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 26 })
const text = `${JSON.stringify(normalise(JSON.parse(raw) as Parameters<typeof normalise>[0], 'tandem'), null, 2)}\n`
mkdirSync(join(ROOT, 'dist'), { recursive: true })
writeFileSync(join(ROOT, 'dist/sbom.cdx.json'), text)
process.stdout.write(`dist/sbom.cdx.json  sha256:${createHash('sha256').update(text).digest('hex')}\n`)
