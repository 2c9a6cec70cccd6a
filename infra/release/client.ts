import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { ROOT } from '../bundle/targets.ts'
import { reader, shipDeclarations } from './declarations.ts'
import { closureOf, type Lock, nameOf, readLock } from './lock.ts'

/** Name of an export → its source below shared/client/src, without `.ts`. */
const EXPORTS = { '.': 'index', './backup': 'backup/index', './node': 'node/index' } as const

const fileOf = (name: string) => (name === '.' ? 'index' : name.slice('./'.length))

/**
 * Writes `@tandem/client` as it is published: ES modules with everything they need inside, their declarations, and the
 * licences of what is inside. It depends on no other package. The same sources and lock file give the same bytes.
 *
 * @param folder is emptied first
 */
export async function buildClient(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  await bundle(folder)
  declare(folder)
  const lock = readLock(ROOT)
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`)
  writeFileSync(join(folder, 'THIRD-PARTY-LICENCES.txt'), noticesOf(lock))
  for (const licence of ['LICENSE-MIT', 'LICENSE-APACHE']) cpSync(join(ROOT, licence), join(folder, licence))
  writeFileSync(join(folder, 'README.md'), README)
}

async function bundle(outdir: string): Promise<void> {
  const entries = Object.entries(EXPORTS).map(([name, from]) => [fileOf(name), at(`shared/client/src/${from}.ts`)])
  await build({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(entries) as Record<string, string>,
    outdir,
    bundle: true,
    // what the three share must be one: errors are told apart by class
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2022',
    // only the Node adapter has any
    external: ['node:*'],
    keepNames: true,
    legalComments: 'none',
    logLevel: 'warning',
  })
}

/** zod's declarations come along: the SDK's types are inferred from schemas. */
function declare(folder: string): void {
  const emitted = `${folder}.types`
  rmSync(emitted, { recursive: true, force: true })
  const tsc = at('node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', at('infra/release/tsconfig.client.json'), '--outDir', emitted])
  const entries = {
    '@tandem/rounds': 'rounds/src/index.d.ts',
    '@tandem/ecdsa': 'ecdsa/src/index.d.ts',
    '@tandem/wire': 'wire/src/index.d.ts',
    zod: 'zod/index.d.ts',
  }
  const roots = Object.values(EXPORTS).map((from) => `client/src/${from}.d.ts`)
  const read = reader(emitted, { zod: at('node_modules/zod') })
  shipDeclarations(roots, { read, entries, to: join(folder, 'types') })
  rmSync(emitted, { recursive: true })
}

function manifest(): object {
  const own = readManifest('shared/client')
  const exports = Object.entries(EXPORTS).map(([name, from]) => [
    name,
    { types: `./types/client/src/${from}.d.ts`, default: `./${fileOf(name)}.js` },
  ])
  return {
    name: own['name'],
    version: own['version'],
    description: own['description'],
    license: own['license'],
    type: 'module',
    sideEffects: false,
    exports: { ...(Object.fromEntries(exports) as object), './package.json': './package.json' },
    engines: { node: '>=22' },
  }
}

/** Every licence asks for this: its text, with the copies of what it covers. */
export function noticesOf(lock: Lock): string {
  const inside = closureOf(lock, ['shared/client']).filter((folder) => folder.includes('node_modules/'))
  return inside.map((folder) => `${nameOf(folder)} ${lock[folder]?.version}\n\n${licenceTextOf(folder)}\n`).join('\n')
}

function licenceTextOf(folder: string): string {
  const file = readdirSync(at(folder)).find((name) => /^licen[cs]e/i.test(name))
  if (file !== undefined) return readFileSync(at(join(folder, file)), 'utf8')
  const { license } = readManifest(folder)
  return `${String(license)} (the package brings no text)\n`
}

function readManifest(folder: string): Readonly<Record<string, unknown>> {
  const file = at(join(folder, 'package.json'))
  if (!existsSync(file)) throw new Error(`${folder} is not installed`)
  return JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, unknown>>
}

function at(path: string): string {
  return join(ROOT, path)
}

const README = `# @tandem/client

The device's half of a Tandem wallet: it holds one share of the key, Sigpair the other, and the two sign together.

    import { createTandemClient, memoryVault } from '@tandem/client'
    import { createRecoveryKit } from '@tandem/client/backup'
    import { fileVault } from '@tandem/client/node'

ES modules for browsers, Node and JavaScriptCore, with everything they need inside. Only \`@tandem/client/node\` needs Node.
Not audited: do not put real money behind it yet.
`
