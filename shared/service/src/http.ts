import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { limits, requireVersion, VERSION_HEADER, VERSIONS_HEADER, WIRE_VERSIONS, WireError } from '@tandem/wire'
import { answerError } from './answer.ts'
import { type NodeRequest, readBody } from './body.ts'
import type { Drain } from './drain.ts'
import type { Log } from './log.ts'
import { type Answer, type Incoming, match, type Route } from './routes.ts'
import { type Observed, observeRequest } from './telemetry/request.ts'

export type HandleDeps = {
  readonly log: Log
  /** host names (without port) that a request may be for: a page that rebinds its name to our address has another */
  readonly hosts: readonly string[]
  /** origins a browser may call from; without an `Origin` header it is no browser's cross-site call */
  readonly origins?: readonly string[]
  /** what a caller may demand. Default {@link WIRE_VERSIONS} */
  readonly versions?: readonly number[]
  /** default {@link limits.MAX_JSON_BYTES} */
  readonly maxBytes?: number
  /** after this the caller gets UNAVAILABLE; the work itself goes on. Default {@link limits.INTERNAL_CALL_MS} */
  readonly deadlineMs?: number
  readonly drain?: Drain
}

export type Handler = (req: NodeRequest, res: ServerResponse) => Promise<void>

/**
 * Serves a route table over Node's request and response, behind any server that has them (also the Functions Framework,
 * whose `rawBody` is taken). The promise never rejects.
 */
export function handle(routes: readonly Route[], deps: HandleDeps): Handler {
  return async (req, res) => {
    const requestId = requestIdOf(req.headers)
    const { method = '' } = req
    const traceparent = oneOf(req.headers['traceparent'])
    const request = { method, traceparent, requestId, probe: isProbe(targetOf(req)) }
    await observeRequest(request, async (observed) => answer(routes, deps, { req, res, requestId, observed }))
  }
}

type Exchange = {
  readonly req: NodeRequest
  readonly res: ServerResponse
  readonly requestId: string
  readonly observed: Observed
}

/** @returns the status */
async function answer(routes: readonly Route[], deps: HandleDeps, exchange: Exchange): Promise<number> {
  const { req, res, requestId, observed } = exchange
  const { log } = deps
  const versions = (deps.versions ?? WIRE_VERSIONS).join(', ')
  const headers: Record<string, string> = { 'x-request-id': requestId, [VERSIONS_HEADER]: versions }
  const startedAt = performance.now()

  const sent = await serve(routes, deps, req, { requestId, log, headers, observed })
    .then(encode)
    .catch((error: unknown) => encode(answerError(error, requestId, log)))
  const closing = sent.status === 413 || deps.drain?.draining() === true
  res.writeHead(sent.status, { ...headers, ...sent.headers, ...(closing ? { connection: 'close' } : {}) })
  res.end(sent.content)

  const ms = Math.round(performance.now() - startedAt)
  log.info({ event: 'request', method: req.method, path: targetOf(req).split('?', 1)[0], status: sent.status, ms })
  return sent.status
}

/** A probe addresses the machine, not the name; there are many, and they say nothing of anybody's work. */
const isProbe = (target: string) => target.startsWith('/health/')

type Context = {
  readonly requestId: string
  readonly log: Log
  readonly headers: Record<string, string>
  readonly observed: Observed
}

async function serve(routes: readonly Route[], deps: HandleDeps, req: NodeRequest, context: Context): Promise<Answer> {
  const target = targetOf(req)
  const { pathname, searchParams } = splitTarget(target)
  if (!isProbe(pathname)) checkHost(req.headers, deps)
  requireVersion(req.headers[VERSION_HEADER], deps.versions ?? WIRE_VERSIONS)
  const found = match(routes, req.method ?? '', pathname)
  if (found === undefined) throw new WireError('NOT_FOUND')
  context.observed.matched(found.route.path)

  const rawBody = await readBody(req, found.route.maxBytes ?? deps.maxBytes ?? limits.MAX_JSON_BYTES)
  const deadline = new AbortController()
  const incoming: Incoming = {
    method: req.method ?? '',
    target,
    path: pathname,
    query: searchParams,
    headers: req.headers,
    rawBody,
    requestId: context.requestId,
    log: context.log,
    signal: deadline.signal,
    setHeader: (name, value) => void (context.headers[name] = value),
  }
  const work = found.route.run(incoming, found.params)
  return within(deps.deadlineMs ?? limits.INTERNAL_CALL_MS, deps.drain?.track(work) ?? work, deadline, context.log)
}

/** The caller waits for `ms` and no longer; what the work does after that shows in the log only. */
async function within(ms: number, work: Promise<Answer>, deadline: AbortController, log: Log): Promise<Answer> {
  const late = new Promise<never>((_, reject) => {
    deadline.signal.addEventListener('abort', () => {
      reject(new WireError('UNAVAILABLE', 'the deadline has passed; repeat the request for its result'))
    })
  })
  const timer = setTimeout(() => {
    deadline.abort()
    work.catch((cause: unknown) => log.error({ event: 'request.failed.late', cause }))
  }, ms)
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

type Encoded = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number>>
  readonly content: string | Uint8Array
}

function encode({ status, body, headers }: Answer): Encoded {
  const content = body === undefined ? '' : body instanceof Uint8Array ? body : JSON.stringify(body)
  const fixed = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
  const type = body === undefined ? {} : { 'content-type': 'application/json' }
  return { status, content, headers: { ...fixed, ...type, ...headers, 'content-length': Buffer.byteLength(content) } }
}

/** Express hands a mounted handler the rest of the path; the request line is what was signed. */
const targetOf = (req: NodeRequest) => req.originalUrl ?? req.url ?? '/'

function splitTarget(target: string): { readonly pathname: string; readonly searchParams: URLSearchParams } {
  const at = target.indexOf('?')
  const pathname = at < 0 ? target : target.slice(0, at)
  if (!pathname.startsWith('/') || target.length > 2_048) throw new WireError('NOT_FOUND')
  return { pathname, searchParams: new URLSearchParams(at < 0 ? '' : target.slice(at)) }
}

function checkHost(headers: IncomingHttpHeaders, { hosts, origins = [] }: HandleDeps): void {
  const host = (headers.host ?? '').toLowerCase().replace(/:[0-9]{1,5}$/, '')
  if (!hosts.includes(host)) throw new WireError('FORBIDDEN', 'this Host is not served here')
  const origin = headers.origin
  if (origin !== undefined && !origins.includes(origin)) throw new WireError('FORBIDDEN', 'this Origin may not call')
}

/** A caller's id is kept if it is harmless in a log, so that one request can be followed through all services. */
function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = oneOf(headers['x-request-id'])
  if (given !== undefined && /^[A-Za-z0-9_-]{8,64}$/.test(given)) return given
  return `req_${randomBytes(16).toString('base64url')}`
}

const oneOf = (header: string | readonly string[] | undefined) => (typeof header === 'string' ? header : undefined)
