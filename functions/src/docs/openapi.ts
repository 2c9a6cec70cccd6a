import { ERRORS, WIRE_VERSIONS } from '@tandem/wire'
import { z } from 'zod'
import type { BucketName } from '../limits.ts'
import type { Described, Tag } from '../operation.ts'

/** JSON Schema of draft 2020-12, as OpenAPI 3.1 has it. */
export type Schema = { readonly [keyword: string]: unknown }

export type DocumentedOperation = {
  readonly operationId: string
  readonly tags: readonly Tag[]
  readonly summary: string
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required: true; readonly content: Content }
  readonly responses: Readonly<Record<string, Schema | { readonly description: string; readonly content?: Content }>>
  readonly 'x-rate-limits'?: readonly BucketName[]
}

type Parameter = {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required: boolean
  readonly schema: Schema
  readonly description?: string
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>

/** An OpenAPI 3.1 document, as far as ours goes. */
export type OpenApi = {
  readonly openapi: '3.1.1'
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly tags: readonly { readonly name: Tag; readonly description: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>
  readonly components: {
    readonly securitySchemes: object
    readonly responses: object
    readonly schemas: Readonly<Record<string, Schema>>
  }
}

const TAGS: Readonly<Record<Tag, string>> = {
  Wallets: 'A profile is a wallet: one key whose private half never exists in one place.',
  Transactions: 'Prepared here, signed by device and Sigpair together, sent once.',
  MPC: 'Tickets for the WebSocket dialogues with Sigpair, and the commits of what they staged.',
  'Second factor': 'TOTP, passkeys and recovery codes. A code or assertion is used up by the request that carries it.',
  'App Attest': 'On iOS: that a device’s key belongs to your app, unchanged, on a device of Apple’s.',
  Audit: 'What happened to a key, chained so that nothing can be taken out of it.',
  Webhooks: 'What duo-node tells the backend.',
  Service: 'For machines that run the backend, and for readers of this document.',
}

const INFO = {
  title: 'Tandem',
  version: '1',
  description:
    'The backend of a self-hosted MPC wallet: the device holds one half of the key, the server the other, and the two sign together. ' +
    'Every call carries an OIDC token of its user; what belongs to others answers as if it were absent. ' +
    'Amounts are decimal strings in wei, bytes are 0x-hex or base64url.',
}

/** Every endpoint as an OpenAPI document, in the order in which they are given. */
export function openApi(operations: readonly Described[]): OpenApi {
  const schemas: Record<string, Schema> = { Problem: problem() }
  const paths: Record<string, Record<string, DocumentedOperation>> = {}
  for (const operation of operations) {
    const path = operation.path.replaceAll(/:([A-Za-z]+)/g, '{$1}')
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: documented(operation, schemas) }
  }
  const used = new Set(operations.map(({ tag }) => tag))
  const tags = (Object.keys(TAGS) as Tag[]).filter((tag) => used.has(tag))
  return {
    openapi: '3.1.1',
    info: INFO,
    tags: tags.map((name) => ({ name, description: TAGS[name] })),
    paths,
    components: {
      securitySchemes: {
        user: { type: 'http', scheme: 'bearer', bearerFormat: 'OIDC ID token' },
        webhook: { type: 'apiKey', in: 'header', name: 'webhook-signature' },
      },
      responses: {
        Problem: problemResponse('A failure'),
        RateLimited: rateLimited(),
        VersionUnsupported: versionUnsupported(),
      },
      schemas: Object.fromEntries(Object.entries(schemas).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    },
  }
}

function documented(operation: Described, schemas: Record<string, Schema>): DocumentedOperation {
  const { tag, summary, body, buckets, security } = operation
  const parameters = parametersOf(operation, schemas)
  const json = (schema: z.ZodType, io: 'input' | 'output'): Content => {
    return { 'application/json': { schema: schemaOf(schema, io, schemas) } }
  }
  return {
    operationId: operationId(operation),
    tags: [tag],
    summary,
    ...(security === 'none' ? {} : { security: [{ [security]: [] }] }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body, 'input') } }),
    responses: {
      [operation.status]: {
        description: 'Success',
        ...(operation.response === undefined ? {} : { content: json(operation.response, 'output') }),
      },
      ...(security === 'user' ? { 426: { $ref: '#/components/responses/VersionUnsupported' } } : {}),
      ...(buckets.length === 0 ? {} : { 429: { $ref: '#/components/responses/RateLimited' } }),
      default: { $ref: '#/components/responses/Problem' },
    },
    ...(buckets.length === 0 ? {} : { 'x-rate-limits': buckets }),
  }
}

/** `POST /api/v1/mpc/sign-message` is `postMpcSignMessage`. */
function operationId({ method, path }: Described): string {
  const words = path.replace(/^\/api/, '').split(/[^A-Za-z0-9]+/)
  const name = words
    .filter((word) => word !== '' && !/^v1$/.test(word))
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
  return method.toLowerCase() + name.join('')
}

const DEMANDED_VERSION: Parameter = {
  name: 'Tandem-Version',
  in: 'header',
  required: false,
  schema: { type: 'string', enum: WIRE_VERSIONS.map(String) },
  description: 'The version the caller speaks; of another one than these nothing is done, and the answer is 426.',
}

function parametersOf(
  { params, query, repeats, security }: Described,
  schemas: Record<string, Schema>,
): readonly Parameter[] {
  const listed = (schema: z.ZodType | undefined, place: 'path' | 'query') =>
    Object.entries(schema instanceof z.ZodObject ? (schema.shape as Record<string, z.ZodType>) : {}).map(
      ([name, field]): Parameter => ({
        name,
        in: place,
        required: place === 'path' || !field.safeParse(undefined).success,
        schema: schemaOf(field, 'input', schemas),
      }),
    )
  const key: Parameter = {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    schema: { type: 'string', pattern: '^[!-~]{1,255}$' },
    description: 'A repetition with the same key and body gets the first answer, for a day; with another body 422.',
  }
  const headers = [...(security === 'user' ? [DEMANDED_VERSION] : []), ...(repeats ? [key] : [])]
  return [...listed(params, 'path'), ...listed(query, 'query'), ...headers]
}

/** The schema, with those that have a name of their own moved to `schemas`. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', schemas: Record<string, Schema>): Schema {
  const { $schema: _, $defs = {}, ...rest } = z.toJSONSchema(schema, { io }) as Schema & { readonly $defs?: object }
  for (const [name, definition] of Object.entries($defs)) schemas[name] = referring(definition as Schema)
  return referring(rest)
}

/** A copy whose references point into the document. */
function referring(schema: Schema): Schema {
  const text = JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')
  return JSON.parse(text) as Schema
}

function problem(): Schema {
  return {
    type: 'object',
    properties: {
      error: { type: 'string', enum: Object.keys(ERRORS) },
      message: { type: 'string' },
      statusCode: { type: 'integer' },
      details: { type: 'string' },
      requestId: { type: 'string' },
    },
    required: ['error', 'message', 'statusCode', 'requestId'],
    additionalProperties: false,
  }
}

function problemResponse(description: string) {
  return { description, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } }
}

function versionUnsupported() {
  const description = 'The versions served, on every answer of whatever status: "1"'
  return {
    ...problemResponse('The demanded version is not served'),
    headers: { 'Tandem-Versions': { description, schema: { type: 'string' } } },
  }
}

function rateLimited() {
  const text = (description: string) => ({ description, schema: { type: 'string' } })
  return {
    ...problemResponse('Too many requests of this user, whatever address they come from'),
    headers: {
      'Retry-After': { description: 'Seconds until there is more', schema: { type: 'integer' } },
      RateLimit: text('What is left: "sign";r=0;t=42'),
      'RateLimit-Policy': text('The limit and its window in seconds: "sign";q=10;w=60'),
    },
  }
}
