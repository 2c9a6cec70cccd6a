import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'

/** Name of a package in an import → the declaration of its entry, below the same folder as everything else. */
export type Entries = Readonly<Record<string, string>>

const SPECIFIER = /(\bfrom\s+|\bimport\()(['"])([^'"]+)\2/g

/**
 * Copies the declarations that `roots` reach, and nothing else, with every import made relative: the package then needs no
 * other to be type-checked.
 *
 * @param read text of a declaration by its path (`client/src/index.d.ts`)
 * @throws {Error} for an import that is neither relative nor among `entries`
 */
export function shipDeclarations(
  roots: readonly string[],
  { read, entries, to }: { readonly read: (path: string) => string; readonly entries: Entries; readonly to: string },
): readonly string[] {
  const done = new Set<string>()
  const visit = (path: string) => {
    if (done.has(path)) return
    done.add(path)
    const next: string[] = []
    const text = read(path).replace(SPECIFIER, (_, before: string, quote: string, specifier: string) => {
      const target = targetOf(path, specifier, entries)
      next.push(target)
      return `${before}${quote}${relativeTo(path, target)}${quote}`
    })
    mkdirSync(dirname(join(to, path)), { recursive: true })
    writeFileSync(join(to, path), text)
    for (const one of next) visit(one)
  }
  for (const root of roots) visit(root)
  return [...done].toSorted()
}

function targetOf(path: string, specifier: string, entries: Entries): string {
  if (!specifier.startsWith('.')) {
    const entry = entries[specifier]
    if (entry === undefined) throw new Error(`${path} names ${specifier}, which would not be in the package`)
    return entry
  }
  return posix.join(posix.dirname(path), specifier.replace(/\.(ts|js)$/, '.d.ts'))
}

function relativeTo(path: string, target: string): string {
  const relative = posix.relative(posix.dirname(path), target).replace(/\.d\.ts$/, '.js')
  return relative.startsWith('.') ? relative : `./${relative}`
}

/** Reads declarations from the folder that tsc wrote, and those of `packages` from where they are installed. */
export function reader(emitted: string, packages: Readonly<Record<string, string>>): (path: string) => string {
  return (path) => {
    const [first = '', ...rest] = path.split('/')
    const installed = packages[first]
    return readFileSync(installed === undefined ? join(emitted, path) : join(installed, ...rest), 'utf8')
  }
}
