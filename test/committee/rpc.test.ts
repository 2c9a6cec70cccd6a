import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Serving } from '@tandem/service'
import { type CallerRequest, type CommitteeKey, ERRORS, WireError } from '@tandem/wire'
import { rpcCodeOf } from '../../sigpair/src/committee/rpc/json-rpc.ts'
import { METHODS } from '../../sigpair/src/committee/rpc/methods.ts'
import type { OpenRpc } from '../../sigpair/src/committee/rpc/openrpc.ts'
import { testCaller } from '../helpers/caller.ts'
import { seeded } from '../helpers/rng.ts'
import { READY_KEY, serveApi, STUB_KEY, STUB_NODES, stubCommittee } from '../helpers/stub-committee.ts'

const NODES = STUB_NODES
const KEY = STUB_KEY

/** Answers what the test wants, and remembers what it was asked. */
let asked: CallerRequest[]
let outcome: () => Promise<CommitteeKey>
const committee = stubCommittee(
  async (request) => {
    asked.push(request)
    return outcome()
  },
  async () => ({ node: NODES[0]!, peers: [], keys: [], sessions: [], faults: [] }),
)

const caller = testCaller(seeded('rpc'))
const COMMANDS: readonly CallerRequest[] = [
  caller.request({ method: 'keyGen', params: { keyId: KEY, members: NODES, threshold: 2 } }),
  caller.request({ method: 'keySign', params: { keyId: KEY, payload: { kind: 'message', message: 'hi' } } }),
  caller.request({ method: 'keyRefresh', params: { keyId: KEY } }),
  caller.request({ method: 'keyReshare', params: { keyId: KEY, members: NODES, threshold: 3 } }),
  caller.request({ method: 'keyDelete', params: { keyId: KEY } }),
]

let http: Serving
let url: string

beforeAll(async () => {
  const api = await serveApi(committee)
  http = api
  url = api.url
})
afterAll(async () => http.close())
beforeEach(() => {
  asked = []
  outcome = async () => READY_KEY
})

async function post(body: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${url}/rpc`, { method: 'POST', body, headers })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

async function call(method: string, params?: unknown, more: object = {}) {
  const { status, body } = await post(JSON.stringify({ jsonrpc: '2.0', id: 7, method, params, ...more }))
  expect(status).toBe(200)
  return body
}

function asParams(request: CallerRequest) {
  const { method: _, ...params } = request
  return params
}

test.each(COMMANDS)('$method reaches the committee as it was signed, and its answer the caller', async (request) => {
  const body = await call(request.method, asParams(request))
  expect(asked).toEqual([request])
  expect(body).toMatchObject({ jsonrpc: '2.0', id: 7, result: { keyId: KEY } })
  expect(METHODS[request.method].result.safeParse(body['result']).success).toBe(true)
})

test('status answers without a signature', async () => {
  expect(await call('status')).toMatchObject({ result: { node: NODES[0] } })
  expect(await call('status', { x: 1 })).toMatchObject({ error: { code: -32602 } })
})

test.each([
  ['a field is missing', (p: object) => ({ ...p, expiry: undefined })],
  ['a field is unknown', (p: object) => ({ ...p, force: true })],
  ['the method is said twice', (p: object) => ({ ...p, method: 'keyDelete', params: { keyId: 'no id' } })],
  [
    'a node is named twice',
    (p: object) => ({ ...p, params: { keyId: KEY, members: [NODES[0], NODES[0]], threshold: 2 } }),
  ],
  ['a parameter is of another method', (p: object) => ({ ...p, params: { keyId: KEY } })],
])('a command in which %s is refused and reaches nobody', async (_what, change) => {
  const body = await call('keyGen', change(asParams(COMMANDS[0]!)))
  expect(body).toMatchObject({ id: 7, error: { code: -32602, data: { error: 'VALIDATION_FAILED' } } })
  expect(asked).toEqual([])
})

test.each([
  ['{', -32700],
  ['[]', -32600],
  [JSON.stringify([{ jsonrpc: '2.0', id: 1, method: 'status' }]), -32600],
  [JSON.stringify({ jsonrpc: '2.0', method: 'status' }), -32600],
  [JSON.stringify({ jsonrpc: '1.0', id: 1, method: 'status' }), -32600],
  [JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'status', params: [] }), -32600],
  [JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'status', extra: 1 }), -32600],
])('what is no call is answered as the standard says: %s', async (body, code) => {
  const answer = await post(body)
  expect(answer).toMatchObject({ status: 200, body: { jsonrpc: '2.0', id: null, error: { code } } })
})

test.each(['keyExport', 'toString', '__proto__', ''])('there is no method %p', async (method) => {
  expect(await call(method)).toMatchObject({ id: 7, error: { code: -32601 } })
})

test('every error of the closed list has a number of its own, and says whether to try again', async () => {
  const codes = Object.keys(ERRORS) as (keyof typeof ERRORS)[]
  expect(new Set(codes.map(rpcCodeOf)).size).toBe(codes.length)
  for (const error of ['KEY_PENDING', 'FORBIDDEN', 'UNAVAILABLE', 'INTERNAL'] as const) {
    outcome = async () => Promise.reject(new WireError(error, 'why'))
    const { message, status, retryable } = ERRORS[error]
    expect(await call('keyGen', asParams(COMMANDS[0]!))).toMatchObject({
      error: { code: rpcCodeOf(error), message, data: { error, details: 'why', statusCode: status, retryable } },
    })
  }
})

test('what nobody foresaw is INTERNAL, without a word of the cause', async () => {
  outcome = async () => Promise.reject(new Error('secret cause'))
  const body = await call('keyGen', asParams(COMMANDS[0]!))
  expect(body).toMatchObject({ error: { code: -32603, data: { error: 'INTERNAL' } } })
  expect(JSON.stringify(body)).not.toContain('secret')
})

test('a body that is too large, a foreign host and a web page are refused before anything is read', async () => {
  expect(await post('x'.repeat(200_000))).toMatchObject({ status: 413 })
  expect(await post('{}', { origin: 'https://evil.example' })).toMatchObject({ status: 403 })
  const rebound = await fetch(url.replace('127.0.0.1', 'localhost') + '/rpc', { method: 'POST', body: '{}' })
  expect(rebound.status).toBe(403)
})

describe('the document', () => {
  let document: OpenRpc
  beforeAll(async () => {
    document = (await (await fetch(`${url}/openrpc.json`)).json()) as OpenRpc
  })

  test('is what rpc.discover answers, and what is committed: npm run openrpc', async () => {
    expect((await call('rpc.discover'))['result']).toEqual(document)
    const path = join(import.meta.dirname, '../../sigpair/openrpc.json')
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(document)
  })

  test('names every method that is served, and none that is not', async () => {
    expect(document.methods.map(({ name }) => name)).toEqual([...Object.keys(METHODS), 'rpc.discover'])
    for (const { name } of document.methods) {
      const { error } = (await call(name)) as { error?: { code: number } }
      expect(error?.code).not.toBe(-32601)
    }
  })

  test('requires every parameter that the server requires', async () => {
    for (const request of COMMANDS) {
      const { params = [] } = document.methods.find(({ name }) => name === request.method) ?? {}
      expect(params.map(({ name }) => name).toSorted()).toEqual(Object.keys(asParams(request)).toSorted())
      for (const { name } of params) {
        const without = await call(request.method, { ...asParams(request), [name]: undefined })
        expect(without).toMatchObject({ error: { code: -32602 } })
      }
    }
  })

  test('lists errors by reference, each of which is there', () => {
    const refs = document.methods.flatMap(({ errors }) => errors.map(({ $ref }) => String($ref).split('/').at(-1)!))
    for (const ref of refs) expect(Object.keys(document.components.errors)).toContain(ref)
    expect(JSON.stringify(document)).not.toMatch(/#\/(\$defs|definitions)/)
  })
})
