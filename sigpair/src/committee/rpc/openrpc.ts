import { ERRORS, type ErrorCode } from '@tandem/wire'
import { z } from 'zod'
import { rpcCodeOf } from './json-rpc.ts'
import { METHODS, type MethodSpec } from './methods.ts'

/** JSON Schema, as OpenRPC has it. */
type Schema = { readonly [keyword: string]: unknown }

type ContentDescriptor = { readonly name: string; readonly required: boolean; readonly schema: Schema }

type DocumentedMethod = {
  readonly name: string
  readonly summary: string
  readonly paramStructure: 'by-name'
  readonly params: readonly ContentDescriptor[]
  readonly result: ContentDescriptor
  readonly errors: readonly Schema[]
}

/** An OpenRPC 1.3 document, as far as ours goes. */
export type OpenRpc = {
  readonly openrpc: '1.3.2'
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly methods: readonly DocumentedMethod[]
  readonly components: { readonly errors: Readonly<Record<string, Schema>> }
}

const INFO = {
  title: 'Tandem committee node',
  version: '1',
  description:
    'Keys held by t of n nodes, for a consensus layer. Every command is signed by a caller that each node pins, and each ' +
    'node decides by itself whether it obeys; any member of a key can be asked. JSON-RPC 2.0 over HTTP POST, one call at ' +
    'a time, on a private port. Bytes are 0x-hex, times are seconds since 1970 unless said otherwise.',
}

/** What can be answered to a command, besides INTERNAL. */
const COMMAND_ERRORS: readonly ErrorCode[] = [
  'VALIDATION_FAILED',
  'FORBIDDEN',
  'POLICY_DENIED',
  'NOT_FOUND',
  'KEY_PENDING',
  'KEY_BUSY',
  'KEY_DELETED',
  'KEY_FROZEN',
  'IDEMPOTENCY_MISMATCH',
  'REQUEST_IN_PROGRESS',
  'MPC_SIGNING_FAILED',
  'PROTOCOL_ABORTED',
  'UNAVAILABLE',
  'INTERNAL',
]

const STATUS_ERRORS: readonly ErrorCode[] = ['VALIDATION_FAILED', 'UNAVAILABLE', 'INTERNAL']

/** All that a node serves, out of the schemas it serves it by. */
export function openRpc(): OpenRpc {
  const methods = Object.entries(METHODS).map(([name, spec]) => documented(name, spec))
  const errors = Object.fromEntries(COMMAND_ERRORS.map((code) => [code, errorOf(code)]))
  return { openrpc: '1.3.2', info: INFO, methods: [...methods, discover()], components: { errors } }
}

function documented(name: string, { summary, params, result, resultName }: MethodSpec): DocumentedMethod {
  const fields = Object.entries(params?.shape ?? {}) as [string, z.ZodType][]
  const errors = params === undefined ? STATUS_ERRORS : COMMAND_ERRORS
  return {
    name,
    summary,
    paramStructure: 'by-name',
    params: fields.map(([field, schema]) => ({ name: field, required: true, schema: schemaOf(schema, 'input') })),
    result: { name: resultName, required: true, schema: schemaOf(result, 'output') },
    errors: errors.map((code) => ({ $ref: `#/components/errors/${code}` })),
  }
}

function discover(): DocumentedMethod {
  const $ref = 'https://raw.githubusercontent.com/open-rpc/meta-schema/master/schema.json'
  return {
    name: 'rpc.discover',
    summary: 'This document.',
    paramStructure: 'by-name',
    params: [],
    result: { name: 'document', required: true, schema: { $ref } },
    errors: [],
  }
}

function errorOf(code: ErrorCode): Schema {
  const { message, status, retryable } = ERRORS[code]
  return { code: rpcCodeOf(code), message, data: { error: code, statusCode: status, retryable } }
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Schema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, reused: 'inline', target: 'draft-7' }) as Schema
  return inlined(rest)
}

/** OpenRPC's tools do not follow references into one descriptor: named schemas stand where they are used. */
function inlined({ definitions = {}, ...schema }: Schema): Schema {
  const named = definitions as Readonly<Record<string, Schema>>
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit)
    if (typeof value !== 'object' || value === null) return value
    const { $ref } = value as Schema
    const target = typeof $ref === 'string' ? named[$ref.replace('#/definitions/', '')] : undefined
    if (target !== undefined) return visit(withoutName(target))
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, visit(field)]))
  }
  return visit(schema) as Schema
}

function withoutName(schema: Schema): Schema {
  const { $id: _, id: __, ...rest } = schema
  return rest
}
