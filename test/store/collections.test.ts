import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DATABASES } from '@tandem/store'

const ROOT = resolve(import.meta.dirname, '../..')

type Service = 'sigpair' | 'duo-node' | 'functions'

/** `health` is asked for by health checks, never written; `collection` is the parameter of `spend`. */
const NOT_COLLECTIONS = ['health', 'collection']

const databases = Object.entries(DATABASES).map(([name, database]) => ({ name, ...database }))

function sourcesOf(folder: string): readonly string[] {
  const files = readdirSync(join(ROOT, folder, 'src'), { recursive: true, withFileTypes: true })
  const sources = files.filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  return sources.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
}

/** What the first argument of every `ref(…)` says, or of `spend(store, …)`: a text, or a constant that is one. */
function collectionsIn(folder: string): readonly string[] {
  const sources = sourcesOf(folder)
  const constantsOf = (text: string) =>
    new Map([...text.matchAll(/const ([A-Z_]+) = '([^']+)'/g)].map(([, name, value]) => [name!, value!]))
  const elsewhere = new Map(sources.flatMap((text) => [...constantsOf(text)]))
  const named = sources.flatMap((text) => {
    const own = constantsOf(text)
    const uses = text.matchAll(/\b(?:ref(?:<[^()]*>)?\(|spend\(store, )\s*([^,():]+),/g)
    return [...uses].map(([, name]) => /^'(.+)'$/.exec(name!)?.[1] ?? own.get(name!) ?? elsewhere.get(name!) ?? name!)
  })
  return [...new Set(named)].filter((name) => !NOT_COLLECTIONS.includes(name)).toSorted()
}

const declaredFor = (service: Service) =>
  databases
    .filter(({ services }) => (services as readonly Service[]).includes(service))
    .flatMap(({ collections }) => [...collections] as readonly string[])

const inService = collectionsIn('shared/service')

test.each(['sigpair', 'duo-node', 'functions'] as const)('every collection that %s uses is described', (service) => {
  const used = collectionsIn(service)
  expect(used).not.toEqual([])
  expect(used.filter((name) => !declaredFor(service).includes(name))).toEqual([])
})

test('every collection that the services share is described', () => {
  expect(inService).toEqual(['allowances', 'idempotency', 'spent-tokens'])
  expect(inService.filter((name) => !declaredFor('functions').includes(name))).toEqual([])
})

test.each(databases)('every collection that is described for $name is used', ({ services, collections }) => {
  const used = new Set([...services.flatMap(collectionsIn), ...inService])
  expect(collections.filter((name) => !used.has(name))).toEqual([])
})

test('no database is opened by a party and by the backend', () => {
  for (const { services } of databases) expect(services.includes('sigpair' as never) && services.length > 1).toBe(false)
})
