import type { IncomingHttpHeaders } from 'node:http'
import { WireError } from '@tandem/wire'
import { z } from 'zod'
import { parseJson } from './json.ts'
import type { Log } from './log.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** One request, its body read and bounded, nothing of it believed yet. */
export type Incoming = {
  readonly method: string
  /** path and query as they stand in the request line; what a service token is bound to */
  readonly target: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly rawBody: Uint8Array
  readonly requestId: string
  readonly log: Log
  /** aborts when the deadline has passed and the caller has had its answer */
  readonly signal: AbortSignal
  /** adds a header to the answer, whichever it will be */
  readonly setHeader: (name: string, value: string) => void
}

/** What a handler gets: everything validated. */
export type Call<Body, Caller, Params, Query> = Incoming & {
  readonly body: Body
  readonly caller: Caller
  readonly params: Params
  readonly queryFields: Query
}

/** `body` is sent as JSON, unless it is bytes, which are sent as they are (give a `content-type`). */
export type Answer = {
  readonly status: number
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
}

/** One endpoint, ready to be served. Made by {@link route}. */
export type Route = {
  readonly method: Method
  readonly path: string
  readonly maxBytes: number | undefined
  readonly run: (incoming: Incoming, params: Readonly<Record<string, string>>) => Promise<Answer>
}

/** One endpoint, as a service writes it down. */
export type Endpoint<Body, Caller, Params, Query> = {
  readonly method: Method
  /** `/api/v1/profiles/:id`; a parameter is one segment */
  readonly path: string
  /** who calls; without it, anyone. Runs before anything of the request is parsed. */
  readonly caller?: (incoming: Incoming) => Promise<Caller>
  /** strict; without it, a body is refused */
  readonly body?: z.ZodType<Body>
  readonly params?: z.ZodType<Params>
  /** strict; without it, a query is refused */
  readonly query?: z.ZodType<Query>
  /** what a 2xx answer's body must be; another is our bug */
  readonly response?: z.ZodType
  readonly maxBytes?: number
  readonly handle: (call: Call<Body, Caller, Params, Query>) => Promise<Answer>
}

/**
 * An endpoint as a route: caller, then validation, then the handler.
 *
 * @throws {TypeError} if a schema would let unknown fields pass
 */
export function route<
  Body = undefined,
  Caller = undefined,
  Params = Readonly<Record<string, string>>,
  Query = Readonly<Record<string, never>>,
>(endpoint: Endpoint<Body, Caller, Params, Query>): Route {
  for (const schema of [endpoint.body, endpoint.query]) requireStrict(schema, endpoint.path)
  const run: Route['run'] = async (incoming, params) => {
    const caller = (await endpoint.caller?.(incoming)) as Caller
    const answer = await endpoint.handle({
      ...incoming,
      caller,
      params: (endpoint.params === undefined ? params : validate(endpoint.params, params, 'path')) as Params,
      queryFields: queryOf(endpoint.query, incoming.query) as Query,
      body: bodyOf(endpoint.body, incoming.rawBody) as Body,
    })
    if (answer.status < 300) endpoint.response?.parse(answer.body)
    return answer
  }
  return { method: endpoint.method, path: endpoint.path, maxBytes: endpoint.maxBytes, run }
}

/** The route of a request, with the values of its parameters; undefined if there is none. */
export function match(routes: readonly Route[], method: string, path: string) {
  for (const candidate of routes) {
    const params = candidate.method === method ? paramsOf(candidate.path, path) : undefined
    if (params !== undefined) return { route: candidate, params }
  }
  return undefined
}

function paramsOf(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/')
  const given = path.split('/')
  if (wanted.length !== given.length) return undefined
  const params: Record<string, string> = {}
  for (const [i, part] of wanted.entries()) {
    const value = given[i] ?? ''
    if (!part.startsWith(':') && part !== value) return undefined
    // our ids need no escapes; what has one is none of ours
    if (part.startsWith(':') && !/^[A-Za-z0-9_.~-]{1,200}$/.test(value)) return undefined
    if (part.startsWith(':')) params[part.slice(1)] = value
  }
  return params
}

function bodyOf(schema: z.ZodType | undefined, raw: Uint8Array): unknown {
  if (schema !== undefined) return validate(schema, parseJson(raw), 'body')
  if (raw.length > 0) throw new WireError('VALIDATION_FAILED', 'this call takes no body')
  return undefined
}

function queryOf(schema: z.ZodType | undefined, query: URLSearchParams): unknown {
  if (new Set(query.keys()).size !== [...query.keys()].length)
    throw new WireError('VALIDATION_FAILED', 'a query field is given twice')
  return validate(schema ?? z.strictObject({}), Object.fromEntries(query), 'query')
}

/** @throws {WireError} VALIDATION_FAILED naming the first field that is wrong, and what it should be */
function validate<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const at = [where, ...(issue?.path ?? [])].map(String).join('.')
  throw new WireError('VALIDATION_FAILED', `${at}: ${issue?.message ?? 'wrong'}`.slice(0, 200))
}

function requireStrict(schema: z.ZodType | undefined, path: string): void {
  if (schema instanceof z.ZodObject && !(schema.def.catchall instanceof z.ZodNever))
    throw new TypeError(`${path}: the schema lets unknown fields pass; use z.strictObject`)
}
