import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BlockSchema, ProviderSchema } from './schema.ts'

const PROVIDER = 'hashicorp/google 6.50.0'
const PACKAGE = '@cdktf/provider-google 16.12.1'

/** One property of a configuration interface, and the documentation above it. */
const PROPERTY = /\{@link [^\s}]*#(\w+) [^}]*\}(?:(?!\*\/)[^])*\*\/\s+readonly (\w+)(\??): ([^;]+);/g

/**
 * The schema of the given resource types, read from the type declarations of an unpacked `@cdktf/provider-google`: there
 * the provider's own schema has become TypeScript.
 *
 * @param folder of the unpacked package
 */
export function extractSchema(
  folder: string,
  types: { readonly resources: readonly string[]; readonly data: readonly string[] },
): ProviderSchema {
  const of = (name: string) => schemaOf(declarations(folder, name))
  const all = (names: readonly string[], prefix: string) =>
    Object.fromEntries(
      names.toSorted().map((name) => [name, of(prefix + name.replace(/^google_/, '').replaceAll('_', '-'))]),
    )
  return {
    provider: PROVIDER,
    source: PACKAGE,
    configuration: withoutEndpoints(of('provider')),
    resources: all(types.resources, ''),
    data: all(types.data, 'data-google-'),
  }
}

/** One for each of Google's services: 150 names that we have no use for. */
const withoutEndpoints = (schema: BlockSchema): BlockSchema => ({
  ...schema,
  optional: schema.optional.filter((name) => !name.endsWith('_custom_endpoint')),
})

type Declarations = { readonly interfaces: ReadonlyMap<string, string>; readonly getters: readonly string[] }

function declarations(folder: string, name: string): Declarations {
  const text = readFileSync(join(folder, 'lib', name, 'index.d.ts'), 'utf8')
  const interfaces = [...text.matchAll(/^export interface (\w+)[^{]*\{\n([^]*?)^\}/gm)]
  const main =
    /^export declare class \w+ extends cdktf\.Terraform(?:Resource|DataSource|Provider)[^]*?^\}/m.exec(text)?.[0] ?? ''
  const getters = [...main.matchAll(/^ {4}get (\w+)\(\)/gm)].map(([, getter]) => getter!)
  return { interfaces: new Map(interfaces.map(([, of, body]) => [of!, body!])), getters }
}

function schemaOf({ interfaces, getters }: Declarations): BlockSchema {
  const [name] = [...interfaces.keys()].filter((of) => of.endsWith('Config'))
  if (name === undefined) throw new Error('no configuration interface: another package, or an unpacked file is missing')
  const schema = blockOf(name, interfaces)
  const settable = new Set([...schema.required, ...schema.optional, ...Object.keys(schema.blocks)])
  const computed = getters
    .filter((getter) => !getter.endsWith('Input'))
    .map(snake)
    .filter((of) => !settable.has(of))
  return { ...schema, computed: computed.toSorted() }
}

function blockOf(name: string, interfaces: ReadonlyMap<string, string>): BlockSchema {
  const properties = [...(interfaces.get(name) ?? '').matchAll(PROPERTY)].map(([, of, , optional, type]) => ({
    name: of!,
    optional: optional === '?',
    nested: [...type!.matchAll(/\w+/g)].map(([word]) => word).find((word) => interfaces.has(word)),
  }))
  const attributes = properties.filter(({ nested }) => nested === undefined)
  const names = (optional: boolean) =>
    attributes
      .filter((of) => of.optional === optional)
      .map((of) => of.name)
      .toSorted()
  const blocks = properties
    .filter(({ nested }) => nested !== undefined)
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name: of, nested, optional }) => [of, { needed: !optional, ...blockOf(nested!, interfaces) }] as const)
  return { required: names(false), optional: names(true), blocks: Object.fromEntries(blocks) }
}

const snake = (camel: string) => camel.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
