import { DEPLOYED, productionPackages } from '../../infra/release/deployed.ts'
import { isPermissive, licencesOf } from '../../infra/release/licences.ts'
import { closureOf, type Lock, readLock } from '../../infra/release/lock.ts'
import { ROOT } from '../../infra/bundle/targets.ts'

const lock = readLock(ROOT)

test('every package that production runs is permissive', () => {
  const rows = licencesOf(lock, productionPackages(lock))
  expect(rows.length).toBeGreaterThan(100)
  expect(rows.filter(({ permissive }) => !permissive)).toEqual([])
})

test.each(DEPLOYED)('%s is counted with what it imports', (folder) => {
  const own = Object.keys(lock[folder]?.dependencies ?? {}).filter((name) => !name.startsWith('@tandem/'))
  const counted = licencesOf(lock, productionPackages(lock)).map(({ name }) => name)
  expect(own.filter((name) => !counted.includes(name))).toEqual([])
})

test.each([
  'MPL-2.0',
  'GPL-3.0-only',
  'LGPL-3.0',
  'AGPL-3.0-or-later',
  'UNLICENSED',
  'SEE LICENSE IN x',
  'unknown',
  '',
])('%s is refused', (licence) => expect(isPermissive(licence)).toBe(false))

test.each([
  ['MIT', true],
  ['MIT OR GPL-3.0', true],
  ['(MIT OR CC0-1.0)', true],
  ['MIT AND GPL-3.0', false],
  ['MIT AND (GPL-3.0 OR ISC)', true],
  ['(MIT AND GPL-3.0) OR MPL-2.0', false],
])('of %s: %p', (licence, expected) => expect(isPermissive(licence)).toBe(expected))

test('a package without a licence is named, not passed over', () => {
  const planted: Lock = {
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b': { version: '2.0.0', license: 'MIT' },
  }
  const rows = licencesOf(planted, Object.keys(planted))
  expect(rows.map(({ name, licence, permissive }) => [name, licence, permissive])).toEqual([
    ['a', 'unknown', false],
    ['b', 'MIT', true],
  ])
})

test('a dependency is found from the inside out, through workspaces, and one that is not locked is named', () => {
  const planted: Lock = {
    app: { dependencies: { '@own/lib': '1', x: '1' } },
    'node_modules/@own/lib': { link: true, resolved: 'lib' },
    lib: { dependencies: { x: '2' }, optionalDependencies: { absent: '1' } },
    'lib/node_modules/x': { version: '2.0.0' },
    'node_modules/x': { version: '1.0.0' },
  }
  expect(closureOf(planted, ['app'])).toEqual(['app', 'lib', 'lib/node_modules/x', 'node_modules/x'])
  expect(() => closureOf({ app: { dependencies: { y: '1' } } }, ['app'])).toThrow('app needs y')
})
