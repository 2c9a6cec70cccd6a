import { type Entry, type Module, ofType, sourceOf } from './modules.ts'
import { type Reference, referencesIn, referencesOf } from './references.ts'
import type { Finding } from './schema.ts'

/** A value or resource of one module, and what must be known or made before it. */
type Node = {
  readonly name: string
  readonly at: { readonly file: string; readonly line: number }
  readonly after: string[]
}

/**
 * Values and resources that wait for each other. Terraform orders them one by one, across modules, and refuses a circle only
 * when it plans, for which it needs the provider. Each module is called once here.
 */
export function checkCycles(tree: ReadonlyMap<string, Module>): readonly Finding[] {
  const nodes = new Map([...tree.values()].flatMap((module) => nodesOf(module)).map((node) => [node.name, node]))
  for (const module of tree.values()) for (const call of ofType(module, 'module')) connect(nodes, tree, module, call)
  for (const [name, node] of nodes) nodes.set(name, { ...node, after: node.after.flatMap((of) => resolve(nodes, of)) })
  const circle = firstCircle(nodes)
  if (circle === undefined) return []
  const shown = circle.map((name) => name.replace(/^.*\//, '').replace('|', ': '))
  return [{ ...nodes.get(circle[0]!)!.at, message: `a circle: ${shown.join(' → ')}` }]
}

function nodesOf(module: Module): readonly Node[] {
  const { folder } = module
  const after = (references: readonly Reference[]) => references.flatMap((of) => targetOf(module, of))
  return module.entries.flatMap((entry) => {
    const at = { file: entry.file, line: entry.line }
    const node = (name: string, references: readonly Reference[]) => ({
      name: `${folder}|${name}`,
      at,
      after: after(references),
    })
    if (entry.type === 'locals')
      return [...entry.body.attributes].map(([name, expression]) => node(`local.${name}`, referencesOf(expression)))
    if (entry.type === 'resource') return [node(entry.labels.join('.'), referencesIn(entry.body))]
    if (entry.type === 'data') return [node(`data.${entry.labels.join('.')}`, referencesIn(entry.body))]
    if (entry.type === 'output') return [node(`output.${entry.labels[0]}`, referencesIn(entry.body))]
    // what is given to it comes with the call; its own validation waits for nothing but values beside it
    if (entry.type === 'variable') return [node(`var.${entry.labels[0]}`, [])]
    return []
  })
}

/** The node that a reference waits for; `…|*` is a whole module. */
function targetOf(module: Module, { parts }: Reference): readonly string[] {
  const [root = '', name = '', member] = parts
  const { folder } = module
  if (root === 'var' || root === 'local') return [`${folder}|${root}.${name}`]
  if (root === 'data') return [`${folder}|${parts.slice(0, 3).join('.')}`]
  if (root.startsWith('google_')) return [`${folder}|${root}.${name}`]
  if (root !== 'module') return []
  const call = ofType(module, 'module').find(({ labels }) => labels[0] === name)
  if (call === undefined) return []
  return [`${sourceOf(module, call)}|${member === undefined ? '*' : `output.${member}`}`]
}

/** A module's variable waits for its argument, and all of the module for what the call depends on. */
function connect(
  nodes: ReadonlyMap<string, Node>,
  tree: ReadonlyMap<string, Module>,
  caller: Module,
  call: Entry,
): void {
  const folder = sourceOf(caller, call)
  for (const [name, expression] of call.body.attributes) {
    const after = referencesOf(expression).flatMap((of) => targetOf(caller, of))
    if (name === 'depends_on')
      for (const { name: of } of nodesOf(tree.get(folder)!)) nodes.get(of)?.after.push(...after)
    else nodes.get(`${folder}|var.${name}`)?.after.push(...after)
  }
}

function resolve(nodes: ReadonlyMap<string, Node>, name: string): readonly string[] {
  if (name.endsWith('|*')) return [...nodes.keys()].filter((of) => of.startsWith(name.slice(0, -1)))
  return nodes.has(name) ? [name] : []
}

function firstCircle(nodes: ReadonlyMap<string, Node>): readonly string[] | undefined {
  const done = new Set<string>()
  const visit = (name: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name]
    if (done.has(name)) return undefined
    for (const next of nodes.get(name)!.after) {
      const circle = visit(next, [...path, name])
      if (circle !== undefined) return circle
    }
    done.add(name)
    return undefined
  }
  for (const name of nodes.keys()) {
    const circle = visit(name, [])
    if (circle !== undefined) return circle
  }
  return undefined
}
