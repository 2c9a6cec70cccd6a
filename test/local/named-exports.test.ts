import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { namedExports } from '../../infra/bundle/named-exports.ts'

/** What a split bundle of this program prints. */
async function printedBy(program: string): Promise<unknown> {
  const outdir = mkdtempSync(join(tmpdir(), 'tandem-bundle-'))
  try {
    const stdin = { contents: program, resolveDir: import.meta.dirname, loader: 'ts' } as const
    const js = "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)"
    const options = { bundle: true, splitting: true, platform: 'node', format: 'esm', target: 'node24' } as const
    await build({ ...options, stdin, outdir, banner: { js }, plugins: [namedExports], logLevel: 'silent' })
    writeFileSync(join(outdir, 'package.json'), '{"type":"module"}')
    return JSON.parse(execFileSync(process.execPath, [join(outdir, 'stdin.js')], { encoding: 'utf8' }))
  } finally {
    rmSync(outdir, { recursive: true })
  }
}

test('a CommonJS package that is loaded on demand has its names in a split bundle, and one that is none has too', async () => {
  const said = await printedBy(`
    const { Webhook } = await import('standardwebhooks')
    const { default: whole } = await import('standardwebhooks')
    const { SignJWT } = await import('jose')
    const { randomUUID } = await import('node:crypto')
    console.log(JSON.stringify([Webhook, whole.Webhook, SignJWT, randomUUID].map((it) => typeof it)))`)
  expect(said).toEqual(['function', 'function', 'function', 'function'])
})

test('what Firestore and KMS load on demand is there', async () => {
  const said = await printedBy(`
    const { credentials } = await import('@grpc/grpc-js')
    console.log(JSON.stringify(typeof credentials.createInsecure))`)
  expect(said).toBe('function')
})

test('a bundle does not say where it was built', async () => {
  const root = join(import.meta.dirname, '../..')
  const stdin = { contents: "console.log(await import('standardwebhooks'))", resolveDir: import.meta.dirname }
  const options = { bundle: true, platform: 'node', format: 'esm', target: 'node24', write: false } as const
  const { outputFiles } = await build({ ...options, stdin, absWorkingDir: root, plugins: [namedExports] })
  const [text = ''] = outputFiles.map((file) => file.text)
  expect(text).toContain('commonjs-on-demand:node_modules/standardwebhooks/')
  expect(text).not.toContain(root)
})
