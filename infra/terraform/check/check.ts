import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { checkCycles } from './cycles.ts'
import { readHcl } from './hcl.ts'
import { type Declared, declaredIn, type Entry, loadTree, type Module, ofType, sourceOf } from './modules.ts'
import { nearest } from './nearest.ts'
import { type Reference, referencesIn } from './references.ts'
import { checkResource, type Finding, type ProviderSchema } from './schema.ts'

/**
 * Everything that `terraform validate` would say of a root and its modules, as far as it can be known without the provider:
 * resources, blocks and attributes that it does not have, required ones that are missing, names that nothing declares,
 * arguments that a module does not take, declarations that nothing uses, values for no variable, and circles.
 */
export function checkTree(root: string, schema: ProviderSchema): readonly Finding[] {
  const tree = loadTree(root)
  const findings = [...tree.values()].flatMap((module) => [
    ...module.entries.flatMap((entry) => checkEntry(entry, schema)),
    ...checkReferences(module, schema, tree),
    ...checkCalls(module, tree),
    ...checkUse(module),
  ])
  const values = checkValues(tree.get(root)!)
  return [...findings, ...values, ...checkCycles(tree)].map((finding) => ({
    ...finding,
    file: relative(root, finding.file),
  }))
}

function checkEntry(entry: Entry, schema: ProviderSchema): readonly Finding[] {
  const [type = ''] = entry.labels
  const place = { file: entry.file, line: entry.line, name: type }
  if (entry.type === 'provider') return checkResource(place, entry.body, schema.configuration)
  if (entry.type !== 'resource' && entry.type !== 'data') return []
  const kinds = entry.type === 'data' ? schema.data : schema.resources
  const of = Object.hasOwn(kinds, type) ? kinds[type] : undefined
  if (of === undefined) return [{ ...place, message: `no ${entry.type} ${type}${nearest(type, Object.keys(kinds))}` }]
  return checkResource(place, entry.body, of)
}

/** Terraform only warns of a value that no variable takes, and asks for a missing one when it is too late for a script. */
function checkValues(root: Module): readonly Finding[] {
  const { variables } = declaredIn(root)
  const files = readdirSync(root.folder).filter((name) => name.endsWith('.tfvars'))
  return files.flatMap((name) => {
    const file = join(root.folder, name)
    const { attributes } = readHcl(file, readFileSync(file, 'utf8'))
    const unknown = [...attributes].filter(([of]) => !variables.has(of))
    const missing = [...variables].filter(([of, { required }]) => required && !attributes.has(of))
    return [
      ...unknown.map(([of, { line }]) => ({
        file,
        line,
        message: `no variable ${of}${nearest(of, variables.keys())}`,
      })),
      ...missing.map(([of]) => ({ file, line: 1, message: `no value for ${of}` })),
    ]
  })
}

function checkReferences(
  module: Module,
  schema: ProviderSchema,
  tree: ReadonlyMap<string, Module>,
): readonly Finding[] {
  const declared = declaredIn(module)
  return module.entries.flatMap((entry) =>
    referencesIn(entry.body).flatMap((reference) => {
      const message = whatIsWrong(reference, declared, schema, (name) => outputsOf(module, declared, tree, name))
      return message === undefined ? [] : [{ file: entry.file, line: reference.line, message }]
    }),
  )
}

function outputsOf(module: Module, declared: Declared, tree: ReadonlyMap<string, Module>, name: string) {
  const call = declared.modules.get(name)
  return call && declaredIn(tree.get(sourceOf(module, call))!).outputs
}

function whatIsWrong(
  { parts }: Reference,
  declared: Declared,
  schema: ProviderSchema,
  outputs: (module: string) => ReadonlySet<string> | undefined,
): string | undefined {
  const [root = '', name = '', member = ''] = parts
  const undeclared = (known: Iterable<string>) => `nothing declares ${root}.${name}${nearest(name, known)}`
  if (root === 'var') return declared.variables.has(name) ? undefined : undeclared(declared.variables.keys())
  if (root === 'local') return declared.locals.has(name) ? undefined : undeclared(declared.locals)
  if (root === 'module') {
    const of = outputs(name)
    if (of === undefined) return undeclared(declared.modules.keys())
    return member === '' || of.has(member) ? undefined : `module ${name} has no output ${member}${nearest(member, of)}`
  }
  if (root === 'data') return wrongResource(parts.slice(0, 3).join('.'), parts[3], declared, schema.data[name])
  if (root.startsWith('google_') && parts.length > 1)
    return wrongResource(`${root}.${name}`, member, declared, schema.resources[root])
  return undefined
}

function wrongResource(
  address: string,
  member: string | undefined,
  declared: Declared,
  schema: ProviderSchema['resources'][string] | undefined,
): string | undefined {
  if (!declared.resources.has(address)) return `nothing declares ${address}${nearest(address, declared.resources)}`
  if (!member || schema === undefined) return undefined
  const { required, optional, computed = [], blocks } = schema
  const known = [...required, ...optional, ...computed, ...Object.keys(blocks)]
  return known.includes(member) ? undefined : `${address} has no ${member}${nearest(member, known)}`
}

const CALL_META = ['source', 'providers', 'count', 'for_each', 'depends_on']

function checkCalls(module: Module, tree: ReadonlyMap<string, Module>): readonly Finding[] {
  return ofType(module, 'module').flatMap((call) => {
    const { variables } = declaredIn(tree.get(sourceOf(module, call))!)
    const given = [...call.body.attributes].filter(([name]) => !CALL_META.includes(name))
    const place = { file: call.file, line: call.line }
    const name = `module ${call.labels[0]}`
    return [
      ...given
        .filter(([argument]) => !variables.has(argument))
        .map(([argument, { line }]) => ({
          ...place,
          line,
          message: `${name} takes no ${argument}${nearest(argument, variables.keys())}`,
        })),
      ...[...variables]
        .filter(([variable, { required }]) => required && !call.body.attributes.has(variable))
        .map(([variable]) => ({ ...place, message: `${name} needs ${variable}` })),
    ]
  })
}

/** A variable or local value that nobody reads is a setting that does nothing. */
function checkUse(module: Module): readonly Finding[] {
  const used = new Set(
    module.entries
      .filter(({ type }) => type !== 'variable')
      .flatMap(({ body }) => referencesIn(body))
      .map(({ parts }) => parts.slice(0, 2).join('.')),
  )
  // a value may be there for the validation of another
  const validated = new Set(
    ofType(module, 'variable').flatMap(({ labels, body }) =>
      referencesIn(body).flatMap(({ parts }) => (parts[1] === labels[0] ? [] : [parts.slice(0, 2).join('.')])),
    ),
  )
  const unused = (name: string) => !used.has(name) && !validated.has(name)
  const variables = ofType(module, 'variable').map((entry) => ({ entry, name: `var.${entry.labels[0]}` }))
  const locals = ofType(module, 'locals').flatMap((entry) =>
    [...entry.body.attributes].map(([name, { line }]) => ({ entry: { ...entry, line }, name: `local.${name}` })),
  )
  return [...variables, ...locals]
    .filter(({ name }) => unused(name))
    .map(({ entry: { file, line }, name }) => ({ file, line, message: `nothing uses ${name}` }))
}
