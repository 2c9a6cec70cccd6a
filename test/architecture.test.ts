import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'

/**
 * Who may import whom. npm hoists every workspace into one node_modules, so an undeclared import resolves; this table is
 * what holds a security boundary to be a package boundary. Source: docs/decisions/0002-packages.md.
 */
const ROOT = resolve(import.meta.dirname, '..')

type Row = { readonly ours: readonly string[]; readonly node: 'portable' | 'node' }

const TABLE: Record<string, Row> = {
  'shared/rounds': { ours: [], node: 'portable' },
  'shared/ecdsa': { ours: ['rounds'], node: 'portable' },
  'shared/wire': { ours: [], node: 'portable' },
  'shared/client': { ours: ['rounds', 'ecdsa', 'wire'], node: 'portable' },
  'shared/ec-native': { ours: ['ecdsa'], node: 'node' },
  'shared/store': { ours: ['wire'], node: 'node' },
  'shared/service': { ours: ['wire', 'store'], node: 'node' },
  sigpair: { ours: ['rounds', 'ecdsa', 'ec-native', 'wire', 'store', 'service'], node: 'node' },
  'duo-node': { ours: ['wire', 'store', 'service'], node: 'node' },
  functions: { ours: ['wire', 'store', 'service'], node: 'node' },
}

/** The one place of a portable package that may use Node: an adapter an app imports by its own name. */
const NODE_ADAPTERS = ['shared/client/src/node']

/** Inside a service: only these files may do this. */
const PRIVILEGES: readonly { readonly what: RegExp; readonly files: RegExp; readonly why: string }[] = [
  { what: /\bprocess\.env\b/, files: /\/(config|preload)\.ts$/, why: 'only config.ts reads the environment' },
  { what: /from 'ws'/, files: /\/(channel-ws|server)\.ts$/, why: 'only the server and channel-ws touch a socket' },
  { what: /@google-cloud\/kms/, files: /\/kms\.ts$/, why: 'only kms.ts talks to KMS' },
]

type Import = { readonly file: string; readonly from: string; readonly typeOnly: boolean }

function sourcesOf(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const found = text.matchAll(/(?:\b(import type|export type)\b[^;'"]*?)?(?:[\s}]from\s+|\bimport\s*\(?\s*)'([^']+)'/g)
  return [...found].map(([, type, from]) => ({ file, from: from!, typeOnly: type !== undefined }))
}

function packageOf(folder: string) {
  const manifest = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as { dependencies?: object }
  return new Set(Object.keys(manifest.dependencies ?? {}))
}

function moduleName(from: string): string {
  return from.split('/', from.startsWith('@') ? 2 : 1).join('/')
}

const isBuiltin = (from: string) => from.startsWith('node:') || builtinModules.includes(from)

describe.each(Object.entries(TABLE))('%s', (folder, row) => {
  const imports = sourcesOf(`${folder}/src`).flatMap(importsOf)

  test('imports only the packages of ours that the table allows', () => {
    const allowed = new Set(row.ours.map((name) => `@tandem/${name}`))
    expect(imports.filter((i) => i.from.startsWith('@tandem/') && !allowed.has(moduleName(i.from)))).toEqual([])
  })

  test('declares what it imports', () => {
    const declared = packageOf(folder)
    const foreign = imports.filter((i) => !i.from.startsWith('.') && !isBuiltin(i.from))
    expect(foreign.filter((i) => !declared.has(moduleName(i.from)))).toEqual([])
  })

  test('never leaves its folder by a relative path', () => {
    const home = join(ROOT, folder, 'src')
    const leaves = (i: Import) => !resolve(ROOT, dirname(i.file), i.from).startsWith(home)
    expect(imports.filter((i) => i.from.startsWith('.') && leaves(i))).toEqual([])
  })

  if (row.node === 'portable') {
    test('runs without Node', () => {
      const core = imports.filter((i) => !NODE_ADAPTERS.some((adapter) => i.file.startsWith(adapter)))
      expect(core.filter((i) => isBuiltin(i.from))).toEqual([])
      const files = sourcesOf(`${folder}/src`).filter((f) => !NODE_ADAPTERS.some((adapter) => f.startsWith(adapter)))
      const shy = files.filter((f) => /\b(Buffer\.\w|process\.\w)/.test(readFileSync(join(ROOT, f), 'utf8')))
      expect(shy).toEqual([])
    })
  }
})

test.each(PRIVILEGES)('$why', ({ what, files }) => {
  const sources = ['sigpair', 'duo-node', 'functions', 'shared/service', 'shared/store'].flatMap((f) =>
    sourcesOf(`${f}/src`),
  )
  const offenders = sources.filter((f) => !files.test(f) && what.test(readFileSync(join(ROOT, f), 'utf8')))
  expect(offenders).toEqual([])
})

test('nobody outside test imports test', () => {
  const imports = [...Object.keys(TABLE), 'infra/local'].flatMap((f) => sourcesOf(`${f}/src`)).flatMap(importsOf)
  expect(imports.filter((i) => i.from.startsWith('@tandem/test') || i.from.includes('/test/'))).toEqual([])
})

test('the relative imports of every package form no cycle', () => {
  const files = Object.keys(TABLE).flatMap((f) => sourcesOf(`${f}/src`))
  const edges = new Map(
    files.map((file) => [
      file,
      importsOf(file)
        .filter((i) => i.from.startsWith('.') && !i.typeOnly)
        .map((i) => relative(ROOT, resolve(ROOT, dirname(file), i.from))),
    ]),
  )
  const done = new Set<string>()
  const cycles: string[][] = []
  const visit = (file: string, path: readonly string[]) => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file])
    if (done.has(file) || path.includes(file)) return
    for (const next of edges.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  expect(cycles).toEqual([])
})
