import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { build, type BuildOptions } from 'esbuild'
import { compiled } from './compiled.ts'
import { namedExports } from './named-exports.ts'
import { ROOT, type Target } from './targets.ts'

/** CommonJS packages expect these three; in an ES module nobody defines them. */
const COMMON_JS = [
  "import { createRequire as __createRequire } from 'node:module'",
  'const require = __createRequire(import.meta.url)',
  'const __filename = import.meta.filename',
  'const __dirname = import.meta.dirname',
].join('\n')

/** Native accelerators that ws and piscina look for and do without. */
const OPTIONAL = ['bufferutil', 'utf-8-validate', '@napi-rs/nice']

/**
 * Writes one deployable into `directory/name`: the same bytes for the same sources and lock file, wherever it is built.
 *
 * @returns the folder
 */
export async function buildTarget(target: Target, directory: string): Promise<string> {
  const folder = join(directory, target.name)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  await build(optionsOf(target, folder))
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(await manifestOf(target), null, 2)}\n`)
  for (const [name, files] of Object.entries(target.addons)) await copyAddon(name, files, folder)
  return folder
}

function optionsOf({ entries, external, addons, splitting }: Target, outdir: string): BuildOptions {
  return {
    absWorkingDir: ROOT,
    entryPoints: entries,
    outdir,
    splitting,
    external: [...external, ...OPTIONAL],
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    chunkNames: 'chunks/[name]-[hash]',
    minifySyntax: true,
    minifyWhitespace: true,
    // stack traces and error names are for people
    keepNames: true,
    legalComments: 'external',
    banner: { js: COMMON_JS },
    plugins: [compiled(addons), namedExports],
    logLevel: 'warning',
  }
}

/** What the platform reads: the entry, and which Node; a buildpack installs the externals. */
async function manifestOf({ name, external }: Target): Promise<object> {
  const root = await readJson(join(ROOT, 'package.json'))
  const versions = await Promise.all(
    external.map(async (of) => [of, (await readJson(join(ROOT, 'node_modules', of, 'package.json')))['version']]),
  )
  return {
    name: `tandem-${name}`,
    version: root['version'],
    private: true,
    license: root['license'],
    type: 'module',
    main: 'index.js',
    engines: { node: '>=24.15' },
    ...(versions.length > 0 && { dependencies: Object.fromEntries(versions) }),
  }
}

async function copyAddon(name: string, files: readonly string[], folder: string): Promise<void> {
  for (const file of ['package.json', ...files]) {
    const to = join(folder, 'node_modules', name, file)
    await mkdir(dirname(to), { recursive: true })
    await cp(join(ROOT, 'node_modules', name, file), to, { recursive: true })
  }
}

async function readJson(file: string): Promise<Readonly<Record<string, unknown>>> {
  return JSON.parse(await readFile(file, 'utf8')) as Readonly<Record<string, unknown>>
}
