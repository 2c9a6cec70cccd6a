import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildTarget } from './build.ts'
import { buildDevice } from './device.ts'
import { ROOT, TARGETS } from './targets.ts'

const BUNDLES = [
  ...TARGETS.map((target) => ({ name: target.name, build: async (to: string) => buildTarget(target, to) })),
  { name: 'ios', build: buildDevice },
]

const HELP = `Usage: npm run bundle -- [--out DIRECTORY] [--target NAME …]

Writes one folder per deployable (${TARGETS.map(({ name }) => name).join(', ')}): it runs on a bare Node 24, without
this repository; and ios, the device's SDK for JavaScriptCore. The same sources and lock file give the same bytes; the digest of
each folder is printed.

  --out DIRECTORY   where to; default: dist
  --target NAME     only this one; may be repeated
`

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'dist' },
    target: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) process.stdout.write(HELP)
else {
  const wanted = options.target.length === 0 ? BUNDLES : BUNDLES.filter(({ name }) => options.target.includes(name))
  if (wanted.length === 0) throw new Error(`no such target; there are ${BUNDLES.map(({ name }) => name).join(', ')}`)
  for (const target of wanted) {
    const folder = await target.build(resolve(ROOT, options.out))
    const { bytes, digest } = await digestOf(folder)
    process.stdout.write(
      `${target.name.padEnd(10)} ${(bytes / 2 ** 20).toFixed(1).padStart(6)} MiB  sha256:${digest}\n`,
    )
  }
}

/** Of every file, by path in code-unit order: path, NUL, bytes, NUL. */
async function digestOf(folder: string): Promise<{ readonly bytes: number; readonly digest: string }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const hash = createHash('sha256')
  let bytes = 0
  for (const file of files.toSorted()) {
    const content = await readFile(file)
    hash
      .update(`${relative(folder, file)}\0`)
      .update(content)
      .update('\0')
    bytes += content.length
  }
  return { bytes, digest: hash.digest('hex') }
}
