import { readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

/** One line of the source that ends in `// check …`: everything a reviewer may ask to see fail. */
export type Check = {
  readonly id: string
  /** relative to the repository */
  readonly file: string
  /** counted from 1 */
  readonly line: number
}

/** Appendix B of the protocol, as far as it is built: with policy elsewhere (S19). */
export const INVENTORY: readonly string[] = [
  ...numbered('K', 1, 16),
  ...numbered('S', 1, 28).filter((id) => id !== 'S19'),
  ...numbered('L', 1, 13),
]

/** The packages that may hold checks. */
const SOURCES = ['shared', 'sigpair']
const MARK = /\/\/ check ((?:[A-Z]\d+ ?)+)$/

/** Every check of the source, one entry for each id of each line, in the order of the inventory. */
export function findChecks(root: string): Check[] {
  const files = SOURCES.flatMap((top) => sourceFiles(join(root, top)))
  const checks = files.flatMap((path) => checksOf(relative(root, path), readFileSync(path, 'utf8')))
  return checks.toSorted((a, b) => placeOf(a) - placeOf(b))
}

/** Ids beyond the inventory belong to parts that grew since; they come last. */
function placeOf({ id }: Check): number {
  const place = INVENTORY.indexOf(id)
  return place < 0 ? INVENTORY.length : place
}

/** Test files that mention this id; the titles decide later. */
export function testFilesNaming(root: string, id: string): string[] {
  const word = new RegExp(`\\b${id}\\b`)
  return sourceFiles(join(root, 'test'))
    .filter((path) => path.endsWith('.test.ts') && word.test(readFileSync(path, 'utf8')))
    .map((path) => relative(root, path))
}

/** The file without the line: the rest keeps its line numbers. */
export function withoutLine(source: string, line: number): string {
  return source
    .split('\n')
    .with(line - 1, '')
    .join('\n')
}

function checksOf(file: string, source: string): Check[] {
  return source.split('\n').flatMap((text, at) => {
    const ids = MARK.exec(text)?.[1]?.trim().split(' ') ?? []
    return ids.map((id) => ({ id, file, line: at + 1 }))
  })
}

function sourceFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.split('/').includes('node_modules'))
    .map((name) => join(directory, name))
    .toSorted()
}

function numbered(letter: string, first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, at) => `${letter}${first + at}`)
}
