import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Block, readHcl } from './hcl.ts'

/** A top-level block and its file. */
export type Entry = Block & { readonly file: string }

/** One folder of `.tf` files. */
export type Module = { readonly folder: string; readonly entries: readonly Entry[] }

/** @throws {SyntaxError} for a file that cannot be read */
export function loadModule(folder: string): Module {
  const files = readdirSync(folder).filter((name) => name.endsWith('.tf'))
  const entries = files.toSorted().flatMap((name) => {
    const file = join(folder, name)
    return readHcl(file, readFileSync(file, 'utf8')).blocks.map((block) => ({ ...block, file }))
  })
  return { folder, entries }
}

/** Every module called from `folder`, and the ones they call, `folder` first. */
export function loadTree(folder: string): ReadonlyMap<string, Module> {
  const found = new Map<string, Module>()
  const visit = (path: string) => {
    if (found.has(path)) return
    const module = loadModule(path)
    found.set(path, module)
    for (const call of ofType(module, 'module')) visit(sourceOf(module, call))
  }
  visit(folder)
  return found
}

export const ofType = ({ entries }: Module, type: string) => entries.filter((entry) => entry.type === type)

/** The folder of a called module. */
export function sourceOf({ folder }: Module, call: Entry): string {
  const source = call.body.attributes.get('source')?.text.replaceAll('"', '') ?? ''
  if (!source.startsWith('.')) throw new SyntaxError(`${call.file}:${call.line}: modules of this repository only`)
  return join(folder, source)
}

export type Declared = {
  readonly variables: ReadonlyMap<string, { readonly required: boolean }>
  readonly locals: ReadonlySet<string>
  readonly modules: ReadonlyMap<string, Entry>
  readonly outputs: ReadonlySet<string>
  /** `google_x.name` and `data.google_x.name` */
  readonly resources: ReadonlySet<string>
}

export function declaredIn(module: Module): Declared {
  const named = (type: string) => ofType(module, type).map((entry) => [entry.labels[0]!, entry] as const)
  const variable = ([name, { body }]: readonly [string, Entry]) =>
    [name, { required: !body.attributes.has('default') }] as const
  return {
    variables: new Map(named('variable').map(variable)),
    locals: new Set(ofType(module, 'locals').flatMap(({ body }) => [...body.attributes.keys()])),
    modules: new Map(named('module')),
    outputs: new Set(named('output').map(([name]) => name)),
    resources: new Set([
      ...ofType(module, 'resource').map(({ labels }) => labels.join('.')),
      ...ofType(module, 'data').map(({ labels }) => `data.${labels.join('.')}`),
    ]),
  }
}
