import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { findChecks, testFilesNaming } from './checks.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const page = readFileSync(resolve(ROOT, 'docs/spec/checks.md'), 'utf8')
const documented = [...page.matchAll(/^\| ((?:[A-Z]\d+ ?)+)\|/gm)].flatMap(([, ids]) => ids!.trim().split(' '))
const found = new Set(findChecks(ROOT).map(({ id }) => id))

test('every documented check is a line of the source', () => {
  expect(documented.length).toBeGreaterThan(40)
  expect(documented.filter((id) => !found.has(id))).toEqual([])
})

test('every check of the source is documented, and named by a test', () => {
  expect([...found].filter((id) => !documented.includes(id))).toEqual([])
  expect([...found].filter((id) => testFilesNaming(ROOT, id).length === 0)).toEqual([])
})
