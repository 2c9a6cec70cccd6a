import type { Body } from './hcl.ts'
import { nearest } from './nearest.ts'

/** What a block may hold, as the provider says. */
export type BlockSchema = {
  readonly required: readonly string[]
  readonly optional: readonly string[]
  /** attributes that can only be read */
  readonly computed?: readonly string[]
  readonly blocks: Readonly<Record<string, BlockSchema & { readonly needed: boolean }>>
}

/** `check/google.generated.json`, written by `extract.ts`. */
export type ProviderSchema = {
  readonly provider: string
  readonly source: string
  readonly configuration: BlockSchema
  readonly resources: Readonly<Record<string, BlockSchema>>
  readonly data: Readonly<Record<string, BlockSchema>>
}

/** A mistake, where it is, and what was probably meant. */
export type Finding = { readonly file: string; readonly line: number; readonly message: string }

/** Terraform's own, in every resource. */
const META_ATTRIBUTES = ['count', 'depends_on', 'for_each', 'provider']
const META_BLOCKS = ['lifecycle', 'connection', 'provisioner', 'timeouts']

/** A block that is being judged. */
type Place = { readonly file: string; readonly line: number; readonly name: string }

/** Everything in a resource, data source or provider block that the provider does not know or that it misses. */
export function checkResource(place: Place, body: Body, schema: BlockSchema): readonly Finding[] {
  const attributes = [...body.attributes].filter(([name]) => !META_ATTRIBUTES.includes(name))
  const blocks = body.blocks.filter(({ type }) => !META_BLOCKS.includes(type))
  return checkBody(place, { attributes: new Map(attributes), blocks }, schema)
}

function checkBody(place: Place, body: Body, schema: BlockSchema): readonly Finding[] {
  const settable = [...schema.required, ...schema.optional]
  const known = [...settable, ...Object.keys(schema.blocks)]
  const unknown = [...body.attributes]
    .filter(([name]) => !settable.includes(name))
    .map(([name, { line }]) => ({ ...place, line, message: unknownAttribute(place.name, name, known, schema) }))
  const blocks = body.blocks.map(expandDynamic)
  const nested = blocks.flatMap(({ type, line, body: inner }) => {
    const of = Object.hasOwn(schema.blocks, type) ? schema.blocks[type] : undefined
    const name = `${place.name}.${type}`
    if (of === undefined)
      return [{ ...place, line, message: `${place.name} has no block ${type}${nearest(type, known)}` }]
    return checkBody({ ...place, line, name }, inner, of)
  })
  const needed = Object.entries(schema.blocks).flatMap(([name, { needed }]) => (needed ? [name] : []))
  const missing = [
    ...schema.required.filter((name) => !body.attributes.has(name)),
    ...needed.filter((name) => !blocks.some(({ type }) => type === name)),
  ].map((name) => ({ ...place, message: `${place.name} needs ${name}` }))
  return [...unknown, ...nested, ...missing].map(({ file, line, message }) => ({ file, line, message }))
}

function unknownAttribute(place: string, name: string, known: readonly string[], schema: BlockSchema): string {
  if (Object.hasOwn(schema.blocks, name)) return `${place}.${name} is a block: no =`
  return `${place} has no attribute ${name}${nearest(name, known)}`
}

/** `dynamic "env" { content { … } }` stands for blocks `env { … }`. */
function expandDynamic(block: Body['blocks'][number]): Body['blocks'][number] {
  if (block.type !== 'dynamic') return block
  const content = block.body.blocks.find(({ type }) => type === 'content')
  return { ...block, type: block.labels[0] ?? 'dynamic', body: content?.body ?? block.body }
}
