import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'tandem-pack-'))
const app = join(folder, 'app')
const SLOW_MS = 180_000

const node = (args: readonly string[], cwd = folder) => execFileSync(process.execPath, args, { cwd, encoding: 'utf8' })

let packed: string

/** Packed once, and installed into a project that has nothing else. */
beforeAll(() => {
  packed = node([join(ROOT, 'infra/release/client-main.ts'), '--out', folder])
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))!
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{"type":"module","private":true}')
  const args = ['install', '--offline', '--no-audit', '--no-fund', '--silent', join(folder, tarball)]
  execFileSync('npm', args, { cwd: app, stdio: 'pipe' })
}, SLOW_MS)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the package installs alone: it needs no other', () => {
  expect(readdirSync(join(app, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['@tandem'])
  expect(readdirSync(join(app, 'node_modules/@tandem'))).toEqual(['client'])
})

test('all three exports load in Node and do something', () => {
  writeFileSync(
    join(app, 'main.js'),
    `import { createTandemClient, memoryVault, TandemError } from '@tandem/client'
     import { createRecoveryKit } from '@tandem/client/backup'
     import { fileVault } from '@tandem/client/node'
     const vault = memoryVault()
     await vault.put('a/b', Uint8Array.of(1, 2))
     console.log(JSON.stringify([
       [...(await vault.get('a/b'))], typeof createTandemClient, typeof createRecoveryKit, typeof fileVault,
       new TandemError('VAULT', 'x') instanceof Error,
     ]))`,
  )
  expect(JSON.parse(node(['main.js'], app))).toEqual([[1, 2], 'function', 'function', 'function', true])
})

test('its types check in a strict project without Node’s types, libraries included', () => {
  writeFileSync(
    join(app, 'main.ts'),
    `import { createTandemClient, memoryVault, type Policy, type TandemClient, type TandemOptions } from '@tandem/client'
     import { createRecoveryKit } from '@tandem/client/backup'
     import { fileVault } from '@tandem/client/node'
     export const make = (options: TandemOptions): Promise<TandemClient> | TandemClient => createTandemClient(options)
     export const parts = [memoryVault, createRecoveryKit, fileVault] as const
     // @ts-expect-error a policy is not a number: the types are there, not any
     export const policy: Policy = 1
    `,
  )
  const compilerOptions = {
    strict: true,
    target: 'es2024',
    module: 'nodenext',
    lib: ['es2024', 'dom'],
    types: [],
    noEmit: true,
    skipLibCheck: false,
  }
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['main.ts'] }))
  expect(node([join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', app])).toBe('')
}, 60_000)

test('only the Node adapter names a module of Node, and nothing names a workspace', () => {
  const files = readdirSync(join(folder, 'client'), { recursive: true, encoding: 'utf8' })
  const textOf = (file: string) => readFileSync(join(folder, 'client', file), 'utf8')
  const code = files.filter((file) => file.endsWith('.js'))
  expect(code.filter((file) => /from ?["']node:/.test(textOf(file)))).toEqual(['node.js'])
  const declarations = files.filter((file) => file.endsWith('.d.ts'))
  expect([...code, ...declarations].filter((file) => /(from|import\() ?["']@tandem\//.test(textOf(file)))).toEqual([])
})

test(
  'packed again, elsewhere, it is the same byte for byte',
  () => {
    expect(node([join(ROOT, 'infra/release/client-main.ts'), '--out', join(folder, 'again')])).toBe(packed)
  },
  SLOW_MS,
)
