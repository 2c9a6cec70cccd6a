import * as fc from 'fast-check'
import { z } from 'zod'

/** Values that a schema takes, and values one field of which it does not. */

type Json = unknown

/** Values the schema takes. Constraints that need a search (a pattern) are met by generation from the pattern. */
export function valueOf(schema: z.ZodType): fc.Arbitrary<Json> {
  return generate(schema).filter((value) => schema.safeParse(value).success)
}

function generate(schema: z.ZodType): fc.Arbitrary<Json> {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return generate(inner(schema.unwrap()))
  if (schema instanceof z.ZodNullable) return fc.option(generate(inner(schema.unwrap())))
  if (schema instanceof z.ZodObject) {
    const fields = Object.entries<z.ZodType>(schema.shape)
    const requiredKeys = fields.filter(([, one]) => !(one instanceof z.ZodOptional)).map(([name]) => name)
    return fc.record(Object.fromEntries(fields.map(([name, one]) => [name, generate(one)])), { requiredKeys })
  }
  if (schema instanceof z.ZodUnion) return fc.oneof(...schema.options.map((one) => generate(inner(one))))
  if (schema instanceof z.ZodArray) return fc.array(generate(inner(schema.element)), { maxLength: 3 })
  if (schema instanceof z.ZodEnum) return fc.constantFrom(...(schema.options as readonly string[]))
  if (schema instanceof z.ZodLiteral) return fc.constantFrom(...schema.values)
  if (schema instanceof z.ZodBoolean) return fc.boolean()
  if (schema instanceof z.ZodRecord)
    return fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), generate(inner(schema.valueType)), { maxKeys: 2 })
  if (schema instanceof z.ZodUnknown) return fc.jsonValue({ maxDepth: 2 })
  if (schema instanceof z.ZodNumber) return integers(schema)
  if (schema instanceof z.ZodString) return strings(schema)
  throw new TypeError(`no values for ${schema.def.type}: teach test/functions/schema-values.ts`)
}

function integers({ minValue, maxValue }: z.ZodNumber): fc.Arbitrary<number> {
  const [min, max] = [minValue ?? Number.MIN_SAFE_INTEGER, maxValue ?? Number.MAX_SAFE_INTEGER]
  return fc.maxSafeInteger().map((n) => (n >= min && n <= max ? n : min))
}

function strings(schema: z.ZodString): fc.Arbitrary<string> {
  const { pattern } = z.toJSONSchema(schema)
  if (pattern !== undefined) return matching(pattern)
  return fc.string({ minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 40, 40) })
}

const byPattern = new Map<string, fc.Arbitrary<string>>()

/** Made once for each pattern: fast-check's search for dangerous strings in it costs more than all requests. */
function matching(pattern: string): fc.Arbitrary<string> {
  const known = byPattern.get(pattern) ?? fc.stringMatching(new RegExp(pattern))
  byPattern.set(pattern, known)
  return known
}

/** Wrong whatever a field is. */
const NEVER: readonly Json[] = [
  null,
  [[]],
  { a: { b: 1 } },
  -1.5,
  1e308,
  '\u0000',
  '\u202e',
  '💥'.repeat(9),
  'x'.repeat(2_000),
  true,
  '',
]

/** One field of a schema, and requests in which only that field is wrong. */
export type Field = { readonly path: string; readonly wrong: fc.Arbitrary<Json> }

/** @param good a value of the schema, in which one field after the other is made wrong */
export function field(schema: z.ZodType, good: Json): readonly Field[] {
  return fieldsOf(schema, good, '', (value) => value, schema)
}

type Put = (value: Json) => Json

function fieldsOf(schema: z.ZodType, good: Json, path: string, put: Put, root: z.ZodType): readonly Field[] {
  if (!(schema instanceof z.ZodObject) || !isRecord(good)) return [{ path, wrong: wrongFor(put, root) }]
  const shape = schema.shape as Record<string, z.ZodType>
  const deeper = Object.entries(shape).flatMap(([name, one]) => {
    const inside: Put = (value) => put({ ...good, [name]: value })
    const part = good[name]
    const bare = one instanceof z.ZodOptional ? inner(one.unwrap()) : one
    return [
      { path: `${path}.${name}`, wrong: wrongFor(inside, root) },
      ...(bare instanceof z.ZodObject && isRecord(part) ? fieldsOf(bare, part, `${path}.${name}`, inside, root) : []),
    ]
  })
  const unknown: Field = { path: `${path}.extra`, wrong: fc.constant(put({ ...good, extra: 1 })) }
  const missing = Object.keys(shape).flatMap((name) => {
    const { [name]: _, ...rest } = good
    return root.safeParse(put(rest)).success ? [] : [{ path: `${path} without ${name}`, wrong: fc.constant(put(rest)) }]
  })
  return [...deeper, unknown, ...missing]
}

function wrongFor(put: Put, root: z.ZodType): fc.Arbitrary<Json> {
  return fc
    .oneof(fc.constantFrom(...NEVER), fc.string({ unit: 'binary' }), fc.double(), fc.jsonValue({ maxDepth: 2 }))
    .map(put)
    .filter((value) => !root.safeParse(JSON.parse(JSON.stringify(value))).success)
}

const inner = (schema: unknown) => schema as z.ZodType

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
