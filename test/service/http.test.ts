import { connect } from 'node:net'
import {
  allowanceHeaders,
  type Answer,
  createDrain,
  createLog,
  handle,
  type HandleDeps,
  idempotent,
  listen,
  type Route,
  route,
  type Serving,
  spendAllowance,
} from '@tandem/service'
import { openSqlite, StoreError } from '@tandem/store'
import { WireError } from '@tandem/wire'
import { z } from 'zod'

const lines: Record<string, unknown>[] = []
const log = createLog({
  name: 'test',
  level: 'debug',
  destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
})
const serving: Serving[] = []

afterEach(async () => {
  for (const { cut, close } of serving.splice(0)) {
    cut()
    await close()
  }
  lines.splice(0)
})

async function serve(routes: readonly Route[], deps: Partial<HandleDeps> = {}) {
  const handler = handle(routes, { log, hosts: ['127.0.0.1'], ...deps })
  const server = await listen(handler, { name: 'test', host: '127.0.0.1', port: 0 })
  serving.push(server)
  const url = `http://127.0.0.1:${server.port}`
  const call = async (path: string, init: RequestInit = {}) => {
    const res = await fetch(url + path, init)
    const text = await res.text()
    const body = (text === '' ? undefined : JSON.parse(text)) as Record<string, unknown> | undefined
    return { status: res.status, headers: res.headers, body }
  }
  return { port: server.port, call, server }
}

const post = (body: string | Uint8Array<ArrayBuffer>): RequestInit => ({ method: 'POST', body })

const things = route({
  method: 'POST',
  path: '/things/:id',
  body: z.strictObject({ name: z.string().max(10), more: z.strictObject({ n: z.int() }).optional() }),
  handle: async ({ body, params }) => ({ status: 201, body: { id: params['id'], name: body.name } }),
})
const ping = route({ method: 'GET', path: '/ping', handle: async () => ({ status: 200, body: { pong: true } }) })
const throws = (error: unknown) =>
  route({
    method: 'GET',
    path: '/throws',
    handle: async () => {
      throw error
    },
  })

describe('a route', () => {
  test('gets validated fields and answers JSON under a request id', async () => {
    const { call } = await serve([ping, things])
    const answer = await call('/things/a.b-c_1', post('{"name":"x"}'))
    expect(answer).toMatchObject({ status: 201, body: { id: 'a.b-c_1', name: 'x' } })
    expect(answer.headers.get('x-request-id')).toMatch(/^req_[A-Za-z0-9_-]{22}$/)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('content-type')).toBe('application/json')
  })

  test('keeps a harmless request id, replaces any other, and logs under it', async () => {
    const { call } = await serve([ping])
    const kept = await call('/ping', { headers: { 'x-request-id': 'req_from-functions' } })
    expect(kept.headers.get('x-request-id')).toBe('req_from-functions')
    expect(lines.at(-1)).toMatchObject({ event: 'request', requestId: 'req_from-functions', status: 200 })
    const replaced = await call('/ping', { headers: { 'x-request-id': 'x"{}' } })
    expect(replaced.headers.get('x-request-id')).toMatch(/^req_/)
  })

  test('knows its caller before it looks at anything else', async () => {
    const guarded = route({
      method: 'POST',
      path: '/guarded',
      caller: async ({ headers, rawBody, target }) => {
        if (headers.authorization === undefined) throw new WireError('UNAUTHENTICATED')
        return { name: headers.authorization, bytes: rawBody.length, target }
      },
      body: z.strictObject({ a: z.int() }),
      query: z.strictObject({ q: z.string() }),
      handle: async ({ caller, body, queryFields }) => ({ status: 200, body: { caller, a: body.a, q: queryFields.q } }),
    })
    const { call } = await serve([guarded])
    expect(await call('/guarded?q=1', post('not json'))).toMatchObject({ status: 401 })
    const init = { ...post('{"a":1}'), headers: { authorization: 'ada' } }
    expect((await call('/guarded?q=1', init)).body).toEqual({
      caller: { name: 'ada', bytes: 7, target: '/guarded?q=1' },
      a: 1,
      q: '1',
    })
  })

  test('with a schema that lets unknown fields pass cannot be written', () => {
    const handler = async () => ({ status: 200 })
    expect(() => route({ method: 'POST', path: '/x', body: z.object({}), handle: handler })).toThrow(TypeError)
    expect(() => route({ method: 'POST', path: '/x', query: z.looseObject({}), handle: handler })).toThrow(TypeError)
  })

  test('whose answer is not what its schema says fails on our side', async () => {
    const wrong = route({
      method: 'GET',
      path: '/wrong',
      response: z.strictObject({ ok: z.boolean() }),
      handle: async () => ({ status: 200, body: { ok: true, secretExtra: 'top-secret' } }),
    })
    const { call } = await serve([wrong])
    const { status, body } = await call('/wrong')
    expect({ status, error: body!['error'] }).toEqual({ status: 500, error: 'INTERNAL' })
    expect(JSON.stringify(lines)).not.toContain('top-secret')
  })

  test('whose answer cannot be JSON fails on our side', async () => {
    const wrong = route({ method: 'GET', path: '/wrong', handle: async () => ({ status: 200, body: { n: 1n } }) })
    expect((await (await serve([wrong])).call('/wrong')).status).toBe(500)
  })

  test('may add headers that come with a failure too', async () => {
    const limited = route({
      method: 'GET',
      path: '/limited',
      handle: async ({ setHeader }) => {
        setHeader('ratelimit', '"sign";r=0;t=7')
        throw new WireError('RATE_LIMITED', 'sign', { retryAfter: 6.2 })
      },
    })
    const { status, headers } = await (await serve([limited])).call('/limited')
    expect([status, headers.get('ratelimit'), headers.get('retry-after')]).toEqual([429, '"sign";r=0;t=7', '7'])
  })
})

describe('what is refused', () => {
  test('a version that is not served, whatever is asked for, before anything is done', async () => {
    let done = 0
    const counted = route({
      method: 'POST',
      path: '/counted',
      handle: async () => ({ status: 200, body: { n: ++done } }),
    })
    const { call } = await serve([counted], { versions: [1, 2] })
    const demand = async (version: string, path = '/counted') =>
      call(path, { method: 'POST', headers: { 'tandem-version': version } })
    for (const version of ['3', '0', '1.0', '1, 2', 'x', '']) {
      const { status, headers, body } = await demand(version)
      expect([status, body]).toMatchObject([426, { error: 'VERSION_UNSUPPORTED', details: 'served: 1, 2' }])
      expect([headers.get('tandem-versions'), headers.get('upgrade')]).toEqual(['1, 2', 'tandem'])
    }
    expect((await demand('3', '/later')).status).toBe(426)
    expect(done).toBe(0)
    for (const version of ['1', '2']) expect(await demand(version)).toMatchObject({ status: 200 })
    const free = await call('/counted', { method: 'POST' })
    expect([free.status, free.headers.get('tandem-versions')]).toEqual([200, '1, 2'])
  })

  const deep = (n: number) => `${'['.repeat(n)}${']'.repeat(n)}`

  test.each<readonly [string, string | Uint8Array<ArrayBuffer>]>([
    ['no JSON', '{"name":'],
    ['nothing', ''],
    ['two values', '{} {}'],
    ['a byte order mark', '\ufeff{"name":"x"}'],
    ['no UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d)],
    ['the wrong type', '{"name":7}'],
    ['a field too few', '{}'],
    ['a field too many', '{"name":"x","extra":1}'],
    ['a nested field too many', '{"name":"x","more":{"n":1,"extra":1}}'],
    ['__proto__', '{"name":"x","__proto__":{"a":1}}'],
    ['constructor', '{"name":"x","more":{"n":1,"constructor":1}}'],
    ['prototype', '{"name":"x","prototype":1}'],
    ['a list', '[]'],
    ['null', 'null'],
    ['depth', deep(5_000)],
    ['half a character', '{"name":"\\ud800"}'],
    ['half a character in a name', '{"name":"x","\\udc00":1}'],
    ['a number beyond all', '{"name":"x","more":{"n":1e999}}'],
  ])('a body of %s is VALIDATION_FAILED, with no stack and no quotation', async (_, body) => {
    const { call } = await serve([things])
    const answer = await call('/things/a', post(body))
    expect(answer.status).toBe(400)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.body).toMatchObject({ error: 'VALIDATION_FAILED', statusCode: 400 })
    expect(Object.keys(answer.body!).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      'details',
      'error',
      'message',
      'requestId',
      'statusCode',
    ])
    expect(JSON.stringify(answer.body)).not.toMatch(/at .*:\d+:\d+|node_modules|\.ts/)
  })

  test('names the field that is wrong', async () => {
    const { call } = await serve([things])
    expect((await call('/things/a', post('{"name":"x","more":{"n":"1"}}'))).body!['details']).toMatch(
      /^body\.more\.n: /,
    )
  })

  test.each([
    ['POST', '/ping'],
    ['GET', '/things/a'],
    ['POST', '/things'],
    ['POST', '/things/a/b'],
    ['POST', '/things/'],
    ['POST', '/things/a%2Fb'],
    ['POST', '/things/%00'],
    ['GET', '//evil.example/ping'],
    ['GET', '/PING'],
  ])('%s %s is not there', async (method, path) => {
    const { call } = await serve([ping, things])
    expect(await call(path, { method, ...(method === 'POST' ? { body: '{"name":"x"}' } : {}) })).toMatchObject({
      status: 404,
      body: { error: 'NOT_FOUND' },
    })
  })

  test('a query where none is taken, or a field twice', async () => {
    const { call } = await serve([ping])
    expect((await call('/ping?x=1')).body!['error']).toBe('VALIDATION_FAILED')
    expect((await call('/ping?x=1&x=2')).body!['error']).toBe('VALIDATION_FAILED')
  })

  test('a body where none is taken, and a compressed one', async () => {
    const drop = route({ method: 'DELETE', path: '/drop', handle: async () => ({ status: 200, body: {} }) })
    const { call } = await serve([drop])
    expect((await call('/drop', { method: 'DELETE', body: '{}' })).body!['error']).toBe('VALIDATION_FAILED')
    const zipped = { method: 'DELETE', body: '{}', headers: { 'content-encoding': 'gzip' } }
    expect((await call('/drop', zipped)).body!['error']).toBe('VALIDATION_FAILED')
  })

  test.each([
    ['a little', 2_000],
    ['much', 5_000_000],
  ])('a body that is %s too large, and the caller hears of it', async (_, size) => {
    const { call } = await serve([things], { maxBytes: 1_000 })
    const answer = await call('/things/a', post('x'.repeat(size)))
    expect(answer).toMatchObject({ status: 413, body: { error: 'PAYLOAD_TOO_LARGE' } })
    expect(answer.headers.get('connection')).toBe('close')
  })

  test('a body that is too large without saying so', async () => {
    const { call } = await serve([things], { maxBytes: 1_000 })
    const stream = new Blob(['x'.repeat(5_000)]).stream()
    const init = { method: 'POST', body: stream, duplex: 'half' } as RequestInit
    expect((await call('/things/a', init)).status).toBe(413)
  })

  test('another Host, and a foreign Origin', async () => {
    const { port, call } = await serve([ping], { hosts: ['localhost'], origins: ['http://localhost:3000'] })
    expect((await call('/ping')).body!['error']).toBe('FORBIDDEN')
    const named = `http://localhost:${port}/ping`
    const asked = async (origin: string) => (await fetch(named, { headers: { origin } })).status
    expect(await rawStatus(port, 'GET /ping HTTP/1.1\r\nHost: localhost:3000\r\n\r\n')).toBe('200')
    expect(await rawStatus(port, 'GET /ping HTTP/1.1\r\nHost: LOCALHOST\r\n\r\n')).toBe('200')
    expect(await rawStatus(port, 'GET /ping HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n')).toBe('403')
    expect(await rawStatus(port, 'GET /ping HTTP/1.0\r\n\r\n')).toBe('403')
    expect(await asked('http://localhost:3000')).toBe(200)
    expect(await asked('http://evil.example')).toBe(403)
  })

  test('what is not HTTP, and a request that breaks off; others are still served', async () => {
    const { port, call } = await serve([ping, things])
    expect(await rawStatus(port, 'rubbish\r\n\r\n')).toBe('400')
    const socket = connect(port, '127.0.0.1')
    socket.write('POST /things/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{"na')
    await new Promise((resolve) => setImmediate(resolve))
    socket.destroy()
    expect((await call('/ping')).status).toBe(200)
  })
})

async function rawStatus(port: number, request: string): Promise<string | undefined> {
  const socket = connect(port, '127.0.0.1')
  socket.write(request)
  let text = ''
  for await (const chunk of socket) {
    text += String(chunk)
    if (text.includes('\r\n')) break
  }
  socket.destroy()
  return text.split(' ')[1]
}

describe('a failure', () => {
  test('of the closed list shows its code, status and details, never its cause', async () => {
    const cause = new Error('connect ECONNREFUSED 10.0.0.1')
    const { call } = await serve([throws(new WireError('POLICY_DENIED', 'daily limit', { cause }))])
    const { status, body } = await call('/throws', { headers: { 'x-request-id': 'req_12345678' } })
    expect({ status, body }).toEqual({
      status: 403,
      body: {
        error: 'POLICY_DENIED',
        message: expect.any(String),
        statusCode: 403,
        details: 'daily limit',
        requestId: 'req_12345678',
      },
    })
    expect(JSON.stringify(lines)).toContain('10.0.0.1')
  })

  test.each([
    ['a bug', new TypeError('x of undefined'), 'INTERNAL', 500],
    ['a text', 'oops', 'INTERNAL', 500],
    ['nothing', undefined, 'INTERNAL', 500],
    ['a zod error of ours', new z.ZodError([]), 'INTERNAL', 500],
    ['a store that is away', new StoreError('UNAVAILABLE', 'x'), 'UNAVAILABLE', 503],
    ['a lost race', new StoreError('CONFLICT', 'x'), 'UNAVAILABLE', 503],
    ['a document that should not be there', new StoreError('EXISTS', 'x'), 'INTERNAL', 500],
  ])('that is %s shows as the listed error and is logged with its cause', async (_, error, code, status) => {
    const { call } = await serve([throws(error)])
    const answer = await call('/throws')
    expect(answer).toMatchObject({ status, body: { error: code } })
    expect(JSON.stringify(answer.body)).not.toMatch(/undefined|oops|EXISTS/)
    expect(lines).toContainEqual(expect.objectContaining({ severity: 'ERROR', code }))
  })

  test('to end in time is UNAVAILABLE for the caller; the work goes on and its failure is logged', async () => {
    const gate = Promise.withResolvers<Answer>()
    const slow = route({ method: 'GET', path: '/slow', handle: () => gate.promise })
    const { call } = await serve([slow], { deadlineMs: 5 })
    expect((await call('/slow')).body).toMatchObject({ error: 'UNAVAILABLE' })
    gate.reject(new Error('too late'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(lines).toContainEqual(expect.objectContaining({ event: 'request.failed.late' }))
  })
})

test('a taken port is named, with the service that wanted it', async () => {
  const { port } = await serve([ping])
  const handler = handle([], { log, hosts: [] })
  await expect(listen(handler, { name: 'duo-node', host: '127.0.0.1', port })).rejects.toThrow(
    `duo-node cannot listen on 127.0.0.1:${port}`,
  )
})

test('a body that a framework has read already is taken as it is', async () => {
  const drain = createDrain()
  const handler = handle([things], { log, hosts: ['127.0.0.1'], drain })
  const server = await listen(
    (req, res) =>
      handler(Object.assign(req, { rawBody: Buffer.from('{"name":"raw"}'), originalUrl: '/things/z' }), res),
    { name: 'test', host: '127.0.0.1', port: 0 },
  )
  serving.push(server)
  const res = await fetch(`http://127.0.0.1:${server.port}/mounted`, { method: 'POST' })
  expect(await res.json()).toEqual({ id: 'z', name: 'raw' })
})

test('limits and idempotency compose with a route', async () => {
  const store = openSqlite({ path: ':memory:' })
  const bucket = { name: 'key', limit: 1, windowMs: 60_000 }
  let made = 0
  const create = route({
    method: 'POST',
    path: '/create',
    caller: async () => 'ada',
    body: z.strictObject({ name: z.string() }),
    handle: async (call) =>
      idempotent(store, { ...call, user: call.caller }, async () => {
        const allowance = await spendAllowance(store, bucket, call.caller)
        for (const [name, value] of Object.entries(allowanceHeaders(allowance))) call.setHeader(name, value)
        return { status: 201, body: { n: ++made } }
      }),
  })
  const { call } = await serve([create])
  const init = (key: string) => ({ ...post('{"name":"x"}'), headers: { 'idempotency-key': key } })
  const first = await call('/create', init('k1'))
  expect([first.status, first.headers.get('ratelimit-policy')]).toEqual([201, '"key";q=1;w=60'])
  expect((await call('/create', init('k1'))).body).toEqual({ n: 1 })
  expect((await call('/create', init('k2'))).body).toMatchObject({ error: 'RATE_LIMITED' })
  await store.close()
})
