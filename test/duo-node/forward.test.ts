import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DuoNode, OPERATIONS, startDuoNode } from '@tandem/duo-node'
import {
  createSigningKey,
  issueServiceToken,
  loadOrCreateSigningKey,
  type SigningKey,
  trustKeys,
  verifyServiceToken,
} from '@tandem/service'
import { ERRORS, type ErrorCode, type Problem } from '@tandem/wire'
import { type CryptoKey, SignJWT, UnsecuredJWT } from 'jose'
import { type RecordingSigpair, recordingSigpair } from './recording-sigpair.ts'

const USER = 'https://issuer.example|ada'
const KEY_ID = `0x${'ab'.repeat(32)}`

const directory = mkdtempSync(join(tmpdir(), 'tandem-duo-node-'))
let functionsKey: SigningKey
let sigpair: RecordingSigpair
let node: DuoNode

beforeAll(async () => {
  functionsKey = await createSigningKey()
  sigpair = await recordingSigpair()
  node = await startDuoNode({
    host: '127.0.0.1',
    port: 0,
    hosts: ['127.0.0.1'],
    store: { kind: 'sqlite', path: join(directory, 'duo-node.sqlite') },
    signingKeyFile: join(directory, 'duo-node.jwk'),
    functionsKeys: [functionsKey.publicJwk],
    sigpairUrl: sigpair.url,
    logLevel: 'silent',
  })
})
beforeEach(() => {
  sigpair.calls.length = 0
  sigpair.answer = { status: 200, body: '{}' }
})
afterAll(async () => {
  await node.close()
  await sigpair.close()
  rmSync(directory, { recursive: true })
})

type Sent = { readonly method: string; readonly path: string; readonly body?: string }

const commit: Sent = { method: 'POST', path: '/internal/keys/commit', body: '{"body": 1,  "intent":2}' }
const status: Sent = { method: 'GET', path: `/internal/keys/${KEY_ID}` }

function tokenFor({ method, path, body = '' }: Sent, key = functionsKey, nowMs = Date.now()): Promise<string> {
  const from = { issuer: 'functions', subject: USER, audience: ['duo-node', 'sigpair'] }
  return issueServiceToken(key, from, { method, path, body: new TextEncoder().encode(body) }, nowMs)
}

function send({ method, path, body }: Sent, token: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token}` }
  return fetch(`${node.url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
}

async function problemOf(answer: Response): Promise<Problem> {
  return (await answer.json()) as Problem
}

test('forwards method, path and body bytes unchanged', async () => {
  sigpair.answer = { status: 200, body: '{"keyId":  "as Sigpair wrote it"}' }
  const answer = await send(commit, await tokenFor(commit))

  expect(answer.status).toBe(200)
  expect(await answer.text()).toBe('{"keyId":  "as Sigpair wrote it"}')
  expect(sigpair.calls).toMatchObject([{ method: 'POST', target: commit.path, body: commit.body }])
})

test('brings its own token for the call, and the backend’s beside it', async () => {
  const token = await tokenFor(commit)
  await send(commit, token)

  const { headers } = sigpair.calls[0]!
  const own = await loadOrCreateSigningKey(join(directory, 'duo-node.jwk'))
  const call = { method: 'POST', path: commit.path, body: new TextEncoder().encode(commit.body) }
  const rules = { from: trustKeys([own.publicJwk]), issuer: 'duo-node', audience: 'sigpair' }
  const claims = await verifyServiceToken(String(headers.authorization).slice('Bearer '.length), rules, call)
  expect(claims).toMatchObject({ sub: USER, aud: ['sigpair'] })
  expect(headers['x-tandem-caller']).toBe(token)
})

test.each(Object.entries(OPERATIONS))('%s reaches Sigpair', async (_, { method, path }) => {
  const target = path
    .replace(':keyId', KEY_ID)
    .replace(':seq', '7')
    .replace(':sessionId', `ses_${'a'.repeat(22)}`)
    .replaceAll(/:\w+/g, 'some-id')
  const call = method === 'GET' ? { method, path: target } : { method, path: target, body: '{}' }
  expect((await send(call, await tokenFor(call))).status).toBe(200)
  expect(sigpair.calls).toMatchObject([{ method, target }])
})

test.each([
  '/internal/keys',
  '/internal/sessions/../keys/commit',
  '/metrics',
  '//internal/identity',
  '/internal/identity/',
])('%s is no operation and does not reach Sigpair', async (path) => {
  const answer = await send({ method: 'POST', path, body: '{}' }, await tokenFor({ method: 'POST', path, body: '{}' }))
  expect((await problemOf(answer)).error).toBe(path.includes('..') ? 'UNAUTHENTICATED' : 'NOT_FOUND')
  expect(sigpair.calls).toEqual([])
})

test('spends a token: the same call again is refused and not forwarded', async () => {
  const token = await tokenFor(commit)
  await send(commit, token)
  expect((await problemOf(await send(commit, token))).error).toBe('UNAUTHENTICATED')
  expect(sigpair.calls).toHaveLength(1)
})

test('of two racing uses of one token one is forwarded', async () => {
  const token = await tokenFor(commit)
  const answers = await Promise.all([1, 2, 3, 4].map(() => send(commit, token)))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(sigpair.calls).toHaveLength(1)
})

const now = Math.floor(Date.now() / 1000)

/** Claims that would be right, changed one at a time. */
async function forged(change: object, header: object = {}, key?: CryptoKey | Uint8Array): Promise<string> {
  const claims = JSON.parse(atob((await tokenFor(status)).split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/')))
  return new SignJWT({ ...claims, jti: crypto.randomUUID(), ...change })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'tandem-service+jwt', kid: functionsKey.kid, ...header })
    .sign(key ?? functionsKey.privateKey)
}

const FORGERIES: readonly (readonly [string, () => Promise<string>])[] = [
  ['without a signature', async () => new UnsecuredJWT({ iss: 'functions', sub: USER }).encode()],
  [
    'signed with a shared secret',
    () => forged({}, { alg: 'HS256' }, new TextEncoder().encode(functionsKey.publicJwk.x)),
  ],
  ['of another kind', () => forged({}, { typ: 'tandem-ticket+jwt' })],
  ['of another issuer', () => forged({ iss: 'duo-node' })],
  ['for another service only', () => forged({ aud: ['sigpair'] })],
  ['that has expired', () => forged({ iat: now - 120, exp: now - 60 })],
  ['that lives too long', () => forged({ exp: now + 3_600 })],
  ['of the future', () => forged({ iat: now + 50, exp: now + 60 })],
  ['for another method', () => forged({ method: 'DELETE' })],
  ['for another path', () => forged({ path: '/internal/identity' })],
  ['for another body', () => forged({ bodyHash: 'A'.repeat(43) })],
  ['with a claim we do not know', () => forged({ admin: true })],
  ['by a key we do not know', async () => tokenFor(status, await createSigningKey())],
  ['that is too long', () => forged({ sub: 'x'.repeat(5_000) })],
  ['that is no token', async () => 'token'],
]

test.each(FORGERIES)('refuses a token %s', async (_, make) => {
  const answer = await send(status, await make())
  expect(answer.status).toBe(401)
  expect((await problemOf(answer)).error).toBe('UNAUTHENTICATED')
  expect(sigpair.calls).toEqual([])
})

test('refuses a call without a token', async () => {
  expect((await fetch(`${node.url}/internal/identity`)).status).toBe(401)
})

test.each<ErrorCode>(['PRESIGNATURE_CONSUMED', 'KEY_FROZEN', 'NOT_FOUND', 'MPC_SIGNING_FAILED', 'VALIDATION_FAILED'])(
  'passes on what Sigpair refuses with: %s',
  async (error) => {
    sigpair.answer = { status: ERRORS[error].status, body: JSON.stringify({ error, details: 'why', stack: 'secret' }) }
    const answer = await send(status, await tokenFor(status))
    expect(answer.status).toBe(ERRORS[error].status)
    const problem = await problemOf(answer)
    expect(problem).toMatchObject({ error, message: ERRORS[error].message, details: 'why' })
    expect(Object.keys(problem).sort()).toEqual(['details', 'error', 'message', 'requestId', 'statusCode'])
  },
)

test('does not tell the backend to sign in again when it is we that Sigpair refuses', async () => {
  sigpair.answer = { status: 401, body: '{"error":"UNAUTHENTICATED"}' }
  expect(await problemOf(await send(status, await tokenFor(status)))).toMatchObject({
    error: 'INTERNAL',
    statusCode: 500,
  })
})

test.each([
  ['a page of a load balancer', { status: 503, body: '<html>no upstream</html>' }],
  ['an error nobody listed', { status: 418, body: '{"error":"TEAPOT"}' }],
  ['an endless answer', { status: 200, body: 'x'.repeat(2 * 1024 * 1024) }],
])('takes %s for no answer', async (_, answer) => {
  sigpair.answer = answer
  expect((await problemOf(await send(status, await tokenFor(status)))).error).toBe('DUO_NODE_UNAVAILABLE')
})

test('refuses a body above the limit before anything is verified', async () => {
  const big = { ...commit, body: 'x'.repeat(300_000) }
  expect((await problemOf(await send(big, 'none'))).error).toBe('PAYLOAD_TOO_LARGE')
})

test('is live and ready', async () => {
  expect((await fetch(`${node.url}/health/live`)).status).toBe(200)
  expect((await fetch(`${node.url}/health/ready`)).status).toBe(200)
})
