import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createApi } from '../../shared/client/src/api.ts'
import { defaultPlatform } from '../../shared/client/src/platform.ts'
import { versionError } from '../../shared/client/src/versions.ts'

let server: Server
let requests = 0

/** A backend that answers as told; time runs fifty times faster for the device. */
async function apiAgainst(answer: RequestListener) {
  requests = 0
  server = createServer((request, response) => {
    requests++
    answer(request, response)
  })
  await new Promise<void>((r) => server.listen(0, '127.0.0.1', r))
  const platform = defaultPlatform()
  const hasty = { ...platform, after: (ms: number, act: () => void) => platform.after(ms / 50, act) }
  return createApi(hasty, `http://127.0.0.1:${(server.address() as AddressInfo).port}`, async () => 'token')
}

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((r) => server.close(r))
})

const problem =
  (status: number, body: object): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(body))
  }

test('an answer that is not of its schema is refused', async () => {
  const api = await apiAgainst(problem(200, { txHash: '0x12', status: 'submitted' }))
  await expect(api.sign({ sessionId: 'ses_x' })).rejects.toMatchObject({ code: 'ANSWER_REFUSED' })
})

test('an unknown field in an answer is refused too', async () => {
  const body = { txHash: `0x${'ab'.repeat(32)}`, status: 'submitted', share: '0x01' }
  const api = await apiAgainst(problem(200, body))
  await expect(api.sign({ sessionId: 'ses_x' })).rejects.toMatchObject({ code: 'ANSWER_REFUSED' })
})

test('an error keeps its code and request id, and is worded by us', async () => {
  const api = await apiAgainst(problem(423, { error: 'KEY_FROZEN', message: '<script>', requestId: 'r1' }))
  await expect(api.sign({ sessionId: 'ses_x' })).rejects.toMatchObject({
    code: 'KEY_FROZEN',
    requestId: 'r1',
    message: expect.not.stringContaining('script') as string,
  })
  expect(requests).toBe(1)
})

test.each([
  ['served: 2, 3', 'update the app'],
  ['served: 0', 'different versions; update the app'],
  ['<b>', 'different versions; update the app'],
])('a server with "%s" is told apart from one that refuses, and asked once', async (details, advice) => {
  let demanded: unknown
  const api = await apiAgainst((request, response) => {
    demanded = request.headers['tandem-version']
    problem(426, { error: 'VERSION_UNSUPPORTED', details, requestId: 'r1' })(request, response)
  })
  const asked = api.sign({ sessionId: 'ses_x' })
  await expect(asked).rejects.toMatchObject({ code: 'VERSION_UNSUPPORTED', requestId: 'r1' })
  await expect(asked).rejects.toThrow(advice)
  expect([demanded, requests]).toEqual(['1', 1])
})

test('a server that is older than the app is its operator’s to update', () => {
  expect(versionError('served: 1, 2', { spoken: [3] }).message).toContain('its operator must update it')
  expect(versionError('served: 1, 4', { spoken: [3] }).message).toContain('update the app')
})

test('what the service calls retryable is repeated, and then succeeds', async () => {
  const good = { txHash: `0x${'ab'.repeat(32)}`, status: 'submitted' }
  const api = await apiAgainst((request, response) => {
    problem(requests < 3 ? 503 : 200, requests < 3 ? { error: 'DUO_NODE_UNAVAILABLE' } : good)(request, response)
  })
  await expect(api.sign({ sessionId: 'ses_x' })).resolves.toEqual(good)
  expect(requests).toBe(3)
})

test('every attempt to prepare one payment carries the same Idempotency-Key, and another payment another', async () => {
  const keys: unknown[] = []
  const api = await apiAgainst((request, response) => {
    keys.push(request.headers['idempotency-key'])
    problem(503, { error: 'UNAVAILABLE' })(request, response)
  })
  const request = { to: `0x${'ab'.repeat(20)}`, value: '1', chainId: 1 }
  for (let call = 0; call < 2; call++)
    await expect(api.prepareTransaction('prf_x', request)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(keys).toHaveLength(8)
  expect(new Set(keys.slice(0, 4)).size).toBe(1)
  expect(new Set(keys).size).toBe(2)
})

test('a call that names its session carries none: a crash on the way must not lock its repetition out', async () => {
  let key: unknown
  const api = await apiAgainst((request, response) => {
    key = request.headers['idempotency-key']
    problem(409, { error: 'SESSION_CONSUMED' })(request, response)
  })
  await expect(api.sign({ sessionId: 'ses_x' })).rejects.toMatchObject({ code: 'SESSION_CONSUMED' })
  expect(key).toBeUndefined()
})

test('a limit is not hammered', async () => {
  const api = await apiAgainst(problem(429, { error: 'RATE_LIMITED' }))
  await expect(api.profiles()).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  expect(requests).toBe(1)
})

test('a silent server is given up on', async () => {
  const api = await apiAgainst(() => undefined)
  await expect(api.profiles()).rejects.toMatchObject({ code: 'NETWORK' })
  expect(requests).toBe(4)
})

test('a path cannot be smuggled in by an id', async () => {
  let seen = ''
  const api = await apiAgainst((request, response) => {
    seen = request.url ?? ''
    problem(404, { error: 'NOT_FOUND' })(request, response)
  })
  await expect(api.profile('../../v2/x?y=1')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect(seen).toBe('/api/v1/profiles/..%2F..%2Fv2%2Fx%3Fy%3D1')
})
