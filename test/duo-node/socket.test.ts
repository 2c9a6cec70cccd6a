import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DuoNode, OPERATIONS, startDuoNode } from '@tandem/duo-node'
import { createSigningKey, type SigningKey } from '@tandem/service'
import type { Socket } from 'socket.io-client'
import { duoNode } from '../../functions/src/ports/duo-node.ts'
import { dial, dialed, emit, handshakeToken, heard, refusalOf, type Sent, tokenFor } from './backend-calls.ts'
import { type RecordingSigpair, recordingSigpair } from './recording-sigpair.ts'

const KEY_ID = `0x${'ab'.repeat(32)}`
const directory = mkdtempSync(join(tmpdir(), 'tandem-duo-node-'))

let key: SigningKey
let sigpair: RecordingSigpair
let node: DuoNode
let socket: Socket

async function start(port = 0): Promise<DuoNode> {
  return startDuoNode({
    host: '127.0.0.1',
    port,
    hosts: ['127.0.0.1'],
    store: { kind: 'sqlite', path: join(directory, 'duo-node.sqlite') },
    signingKeyFile: join(directory, 'duo-node.jwk'),
    functionsKeys: [key.publicJwk],
    sigpairUrl: sigpair.url,
    logLevel: 'silent',
  })
}

beforeAll(async () => {
  key = await createSigningKey()
  sigpair = await recordingSigpair()
  node = await start()
  socket = await dialed(node.url, key)
})
beforeEach(() => {
  sigpair.calls.length = 0
  sigpair.answer = { status: 200, body: '{"known":true}' }
})
afterAll(async () => {
  socket.close()
  await node.close()
  await sigpair.close()
  rmSync(directory, { recursive: true })
})

const status: Sent = { method: 'GET', path: `/internal/keys/${KEY_ID}` }
const commit: Sent = { method: 'POST', path: '/internal/keys/commit', body: '{"body": 1,  "intent":2}' }

const ask = async (event: string, sent: Sent, change: object = {}) => {
  const { path, body } = sent
  return emit(socket, event, {
    token: await tokenFor(key, sent),
    path,
    ...(body === undefined ? {} : { body }),
    ...change,
  })
}

test.each(Object.entries(OPERATIONS))('%s reaches Sigpair as it does over HTTP', async (name, { method, path }) => {
  const target = path.replace(':keyId', KEY_ID).replace(':sessionId', `ses_${'a'.repeat(22)}`)
  const sent = { method, path: target, ...(method === 'GET' ? {} : { body: '{"a":  1}' }) }
  expect(await ask(name, sent)).toEqual({ status: 200, body: { known: true } })
  expect(sigpair.calls).toMatchObject([{ method, target, body: sent.body ?? '' }])
})

test('passes on what Sigpair refuses with, as the same problem that HTTP answers', async () => {
  sigpair.answer = { status: 423, body: '{"error":"KEY_FROZEN","details":"FROZEN","stack":"secret"}' }
  expect(await ask('key:status', status)).toEqual({
    status: 423,
    body: {
      error: 'KEY_FROZEN',
      message: 'The key is frozen after a failed check; the owner must re-pair it.',
      statusCode: 423,
      details: 'FROZEN',
      requestId: expect.stringMatching(/^req_/),
    },
  })
})

describe('refuses to connect', () => {
  test.each([
    ['without a token', async () => ({})],
    ['with something else than a text', async () => ({ token: { toString: 'x' } })],
    ['with a token of a stranger', async () => ({ token: await handshakeToken(await createSigningKey()) })],
    ['with a token for a call', async () => ({ token: await tokenFor(key, status, { subject: 'system' }) })],
    ['with an expired one', async () => ({ token: await handshakeToken(key, { nowMs: Date.now() - 120_000 }) })],
  ])('%s', async (_, auth) => {
    expect(await refusalOf(dial(node.url, await auth()))).toMatchObject({ error: 'UNAUTHENTICATED', statusCode: 401 })
  })

  test('in a user’s name', async () => {
    const token = await handshakeToken(key, { subject: 'https://issuer.example|ada' })
    expect(await refusalOf(dial(node.url, { token }))).toMatchObject({ error: 'FORBIDDEN' })
  })

  test('with a token that was used before', async () => {
    const token = await handshakeToken(key)
    const first = dial(node.url, { token })
    await heard(first, 'connect')
    expect(await refusalOf(dial(node.url, { token }))).toMatchObject({ error: 'UNAUTHENTICATED' })
    first.close()
  })

  test('in a version that is not spoken, before its token is spent', async () => {
    const token = await handshakeToken(key)
    const refused = await refusalOf(dial(node.url, { token, version: 2 }))
    expect(refused).toMatchObject({ error: 'VERSION_UNSUPPORTED', details: 'served: 1', statusCode: 426 })
    const spoken = dial(node.url, { token, version: 1 })
    await heard(spoken, 'connect')
    spoken.close()
  })

  test('over polling, from a page, and under another name', async () => {
    const token = await handshakeToken(key)
    expect(await refusalOf(dial(node.url, { token }, { transports: ['polling'] }))).toBeUndefined()
    const page = { extraHeaders: { origin: 'https://evil.example' } }
    expect(await refusalOf(dial(node.url, { token }, page))).toBeUndefined()
    const rebound = { extraHeaders: { host: 'evil.example' } }
    expect(await refusalOf(dial(node.url, { token }, rebound))).toBeUndefined()
  })
})

describe('refuses a call', () => {
  afterEach(() => expect(sigpair.calls).toEqual([]))

  test('with a token for another path, method or body', async () => {
    const others = [
      { ...commit, path: '/internal/sessions' },
      { ...commit, method: 'PUT' },
      { ...commit, body: '{}' },
    ]
    for (const other of others) {
      const token = await tokenFor(key, other)
      expect(await ask('key:commit', commit, { token })).toMatchObject({ body: { error: 'UNAUTHENTICATED' } })
    }
  })

  test('whose event is no operation, by whatever name', async () => {
    for (const event of ['key:steal', '__proto__', 'constructor', 'toString', 'key.ready', ''])
      expect(await ask(event, status)).toMatchObject({ status: 404, body: { error: 'NOT_FOUND' } })
  })

  test('whose path is not of the operation', async () => {
    for (const path of [
      '/internal/identity',
      `/internal/keys/${KEY_ID}/x`,
      '/internal/keys/..%2f',
      '/internal/events',
    ]) {
      const sent = { method: 'GET', path }
      expect(await ask('key:status', sent)).toMatchObject({ body: { error: 'VALIDATION_FAILED' } })
    }
  })

  test('that is not of the form', async () => {
    const token = await tokenFor(key, status)
    const forms = [[], [null], ['x'], [{}], [{ token, path: status.path, more: 1 }], [{ token, path: status.path }, 2]]
    for (const form of [...forms, [{ token, path: status.path, body: Buffer.from('{}') }], [[]]])
      expect(await emit(socket, 'key:status', ...form)).toMatchObject({ body: { error: 'VALIDATION_FAILED' } })
  })

  test('above the limit of HTTP, and cuts a connection that sends far more', async () => {
    expect(await ask('key:commit', { ...commit, body: `"${'x'.repeat(300_000)}"` })).toMatchObject({
      status: 413,
      body: { error: 'PAYLOAD_TOO_LARGE' },
    })
    const other = await dialed(node.url, key)
    const cut = heard(other, 'disconnect')
    other.emit('key:commit', { body: 'x'.repeat(900_000) }, () => undefined)
    await cut
    expect(await ask('nothing', status)).toMatchObject({ status: 404 })
  })

  test('that wants no answer', async () => {
    socket.emit('key:status', { token: await tokenFor(key, status), path: status.path })
    expect(await ask('nothing', status)).toMatchObject({ status: 404 })
  })
})

test('spends a token over both ways: what came by Socket.IO is refused over HTTP, and again by Socket.IO', async () => {
  const token = await tokenFor(key, status)
  expect(await ask('key:status', status, { token })).toMatchObject({ status: 200 })
  expect(await ask('key:status', status, { token })).toMatchObject({ body: { error: 'UNAUTHENTICATED' } })
  const again = await fetch(`${node.url}${status.path}`, { headers: { authorization: `Bearer ${token}` } })
  expect(again.status).toBe(401)
  expect(sigpair.calls).toHaveLength(1)
})

test('of two racing uses of one token one is forwarded', async () => {
  const token = await tokenFor(key, status)
  const answers = await Promise.all([1, 2, 3, 4].map(async () => ask('key:status', status, { token })))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(sigpair.calls).toHaveLength(1)
})

test('lets a running call end before it stops, and takes no new one', async () => {
  const own = await start()
  const line = await dialed(own.url, key)
  sigpair.answer = 'never'
  const running = line.timeout(20_000).emitWithAck('key:status', {
    token: await tokenFor(key, status),
    path: status.path,
  })
  while (sigpair.calls.length === 0) await new Promise((again) => setImmediate(again))
  const gone = heard(line, 'disconnect')
  const stopped = own.close()
  expect(await emit(line, 'key:status', { token: await tokenFor(key, status), path: status.path })).toMatchObject({
    body: { error: 'UNAVAILABLE' },
  })
  await sigpair.close()
  expect(await running).toMatchObject({ body: { error: 'DUO_NODE_UNAVAILABLE' } })
  await gone
  await stopped
  sigpair = await recordingSigpair(Number(new URL(sigpair.url).port))
}, 20_000)

describe('the backend’s side', () => {
  const identity = { publicKey: `0x${'01'.repeat(32)}`, identity: `0x${'02'.repeat(32)}`, keyVersion: 1 }
  const ws = (url: string) => url.replace('http', 'ws')

  test('asks over Socket.IO as it does over HTTP', async () => {
    sigpair.answer = { status: 200, body: JSON.stringify(identity) }
    for (const url of [node.url, ws(node.url)]) expect(await duoNode({ url, key }).readIdentity()).toEqual(identity)
    sigpair.answer = { status: 404, body: '{"error":"NOT_FOUND"}' }
    await expect(duoNode({ url: ws(node.url), key }).readIdentity()).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('finds its way back to a duo-node that was started again, and says so while there is none', async () => {
    sigpair.answer = { status: 200, body: JSON.stringify(identity) }
    let other = await start()
    const port = Number(new URL(other.url).port)
    const asking = duoNode({ url: ws(other.url), key })
    for (let i = 0; i < 2; i++) {
      expect(await asking.readIdentity()).toEqual(identity)
      await other.close()
      await expect(asking.readIdentity()).rejects.toMatchObject({ code: 'DUO_NODE_UNAVAILABLE' })
      other = await start(port)
      while (!(await asking.readIdentity().then(Boolean, () => false)));
    }
    await other.close()
  })

  test('demands its version of both ways, and blames no app for a duo-node or Sigpair of another', async () => {
    sigpair.answer = { status: 426, body: '{"error":"VERSION_UNSUPPORTED","details":"served: 7"}' }
    for (const url of [node.url, ws(node.url)])
      await expect(duoNode({ url, key }).readIdentity()).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(sigpair.calls.map(({ headers }) => headers['tandem-version'])).toEqual(['1', '1'])
  })

  test('gives up on a duo-node that takes the call and never answers', async () => {
    const silent = await start()
    const asking = duoNode({ url: ws(silent.url), key, timeoutMs: 100 })
    sigpair.answer = 'never'
    await expect(asking.readIdentity()).rejects.toMatchObject({ code: 'DUO_NODE_UNAVAILABLE' })
    await sigpair.close()
    await silent.close()
    sigpair = await recordingSigpair(Number(new URL(sigpair.url).port))
  })

  test('gives up on a server that accepts and says nothing at all', async () => {
    const mute = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const { port } = mute.address() as { port: number }
    const asking = duoNode({ url: `ws://127.0.0.1:${port}`, key })
    await expect(asking.readIdentity()).rejects.toMatchObject({ code: 'DUO_NODE_UNAVAILABLE' })
    mute.close()
  })
})
