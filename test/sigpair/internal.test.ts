import { randomBytes } from 'node:crypto'
import { noble, provePossession } from '@tandem/ecdsa'
import {
  createSigningKey,
  createLog,
  handle,
  healthRoutes,
  issueServiceToken,
  listen,
  type Serving,
  type SigningKey,
  trustKeys,
} from '@tandem/service'
import { createUsable, internalRoutes, loadIdentity, poison, readinessChecks } from '@tandem/sigpair'
import { cloudPublicKeyResponse, commitKeyResponse, toHex } from '@tandem/wire'
import { dealPresignature } from './deal-presignature.ts'
import { startKms, type TestKms } from './kms.ts'
import { begin, complete, intentFor, openWorld, OWNER, readyKeyIn, stage, testKey, type World } from './world.ts'

let kms: TestKms
let world: World
let serving: Serving
let backendKey: SigningKey
let duoNodeKey: SigningKey

const lines: string[] = []
const noWorker = async () => Promise.reject(new Error('no worker in this test'))

beforeAll(async () => {
  kms = await startKms()
  world = openWorld(kms.client, 'internal')
  backendKey = await createSigningKey()
  duoNodeKey = await createSigningKey()
  const { stores } = world
  const routes = internalRoutes({
    stores,
    identity: await loadIdentity(stores),
    backend: noble,
    rng: world.rng,
    policyDelayMs: 86_400_000,
    complete: noWorker,
    tasks: { encryptShare: noWorker, proveShare: noWorker, sealShare: noWorker },
    callers: {
      duoNode: { issuer: 'duo-node', keys: trustKeys([duoNodeKey.publicJwk]) },
      backend: { issuer: 'functions', keys: trustKeys([backendKey.publicJwk]) },
    },
  })
  const log = createLog({ name: 'sigpair', level: 'debug', destination: { write: (line) => void lines.push(line) } })
  const all = [...healthRoutes(readinessChecks(stores, kms.client)), ...routes]
  serving = await listen(handle(all, { log, hosts: ['127.0.0.1'] }), { name: 'sigpair', host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  await serving.close()
  await world.close()
  await kms.stop()
})

type Sent = {
  readonly method?: string
  readonly path: string
  readonly body?: object | string
  readonly owner?: string
  /** tokens instead of the right ones */
  readonly authorization?: string | undefined
  readonly forwarded?: string | undefined
}

async function tokens({ method = 'GET', path, body, owner = OWNER }: Sent) {
  const call = { method, path, body: bytesOf(body) }
  const from = { subject: owner, audience: ['duo-node', 'sigpair'] }
  const forwarded = await issueServiceToken(backendKey, { ...from, issuer: 'functions' }, call, world.clock.now)
  const own = { ...from, issuer: 'duo-node', audience: ['sigpair'] }
  const authorization = `Bearer ${await issueServiceToken(duoNodeKey, own, call, world.clock.now)}`
  return { authorization, forwarded }
}

const bytesOf = (body: object | string | undefined) =>
  new TextEncoder().encode(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body))

async function send(sent: Sent) {
  const { authorization, forwarded } = { ...(await tokens(sent)), ...sent }
  const headers = new Headers({ 'content-type': 'application/json' })
  if (authorization !== undefined) headers.set('authorization', authorization)
  if (forwarded !== undefined) headers.set('x-tandem-caller', forwarded)
  const { method = 'GET', path, body } = sent
  const url = `http://127.0.0.1:${serving.port}${path}`
  const answer = await fetch(url, { method, headers, ...(body !== undefined && { body: bytesOf(body) }) })
  return { status: answer.status, text: await answer.text() }
}

async function ask(sent: Sent) {
  const { status, text } = await send(sent)
  return { status, body: JSON.parse(text) as Record<string, unknown> }
}

const post = (path: string, body: object | string, more: Partial<Sent> = {}): Sent => ({
  method: 'POST',
  path,
  body,
  ...more,
})
const newSession = () => `ses_${randomBytes(16).toString('base64url')}`
const message = { kind: 'message', message: 'hello' } as const

test('identity answers both static keys', async () => {
  const { status, body } = await ask({ path: '/internal/identity', owner: 'system' })
  expect(status).toBe(200)
  expect(cloudPublicKeyResponse.parse(body).keyVersion).toBe(1)
  const { exchange, identity } = await loadIdentity(world.stores)
  expect(body).toMatchObject({ publicKey: toHex(exchange.publicKey), identity: toHex(identity.publicKey) })
})

test('a key is committed, described, and prepares a session', async () => {
  const key = testKey(world.rng.fork('http'))
  await begin(world, key)
  await stage(world, key)
  const path = `/internal/keys/${key.keyId}`
  expect((await ask({ path })).body).toEqual({
    keyId: key.keyId,
    status: 'PENDING',
    epoch: 0,
    presignatures: 0,
    device: key.device,
  })
  await complete(world, key)
  const [share] = key.shares
  const clientShare = {
    keyId: key.keyId,
    publicKey: toHex(share!.publicKey),
    share: toHex(share!.publicShares[0]!),
    proof: toHex(provePossession(noble, share!, world.rng)),
  }
  const body = { name: 'Savings', clientShare }
  const committed = await ask(post('/internal/keys/commit', { body, intent: intentFor(world, key, body) }))
  expect(committed.status).toBe(200)
  expect(commitKeyResponse.parse(committed.body).publicKey).toBe(clientShare.publicKey)

  await createUsable(world.stores, world.stores.sealer, key.pair, [dealPresignature(key, world.rng).sigpair()])
  expect((await ask({ path })).body).toMatchObject({ status: 'READY', presignatures: 1 })

  const request = { sessionId: newSession(), keyId: key.keyId, path: [0], payload: message }
  const prepared = await ask(post('/internal/sessions', request))
  expect(prepared.status).toBe(200)
  expect(prepared.body['expiresAt']).toBe(world.clock.now / 1000 + 600)
  expect((await ask(post('/internal/sessions', request))).body).toEqual(prepared.body)

  const unsigned = await ask(post(`/internal/sessions/${request.sessionId}/complete`, { keyId: key.keyId }))
  expect(unsigned).toMatchObject({ status: 400, body: { error: 'VALIDATION_FAILED' } })
})

test('a frozen key says so, and prepares nothing', async () => {
  const key = await readyKeyIn(world, 'frozen')
  await poison(world.stores, key.pair)
  expect((await ask({ path: `/internal/keys/${key.keyId}` })).body).toMatchObject({
    status: 'FROZEN',
    presignatures: 0,
  })
  const request = { sessionId: newSession(), keyId: key.keyId, path: [], payload: message }
  const refused = await ask(post('/internal/sessions', request))
  expect(refused).toMatchObject({ status: 423, body: { error: 'KEY_FROZEN', details: 'FROZEN' } })
})

test('another user’s key is absent, to every call', async () => {
  const key = await readyKeyIn(world, 'mine')
  const owner = 'https://issuer.test|mallory'
  const request = { sessionId: newSession(), keyId: key.keyId, path: [], payload: message }
  await ask(post('/internal/sessions', request))
  const calls = [
    { path: `/internal/keys/${key.keyId}` },
    post('/internal/sessions', { ...request, sessionId: newSession() }),
    post(`/internal/sessions/${request.sessionId}/complete`, { keyId: key.keyId }),
  ]
  for (const call of calls) {
    expect(await ask({ ...call, owner })).toMatchObject({ status: 404, body: { error: 'NOT_FOUND' } })
  }
})

test('both tokens are needed, for this call, this user and this time, each once', async () => {
  const sent = post('/internal/keys/commit', {})
  const good = await tokens(sent)
  const stranger = await createSigningKey()
  const call = { method: 'POST', path: sent.path, body: bytesOf(sent.body) }
  const now = world.clock.now
  const both = { subject: OWNER, audience: ['sigpair'] }
  const forged = await issueServiceToken(stranger, { ...both, issuer: 'functions' }, call, now)
  const elsewhere = await issueServiceToken(
    backendKey,
    { ...both, issuer: 'functions', audience: ['duo-node'] },
    call,
    now,
  )
  const old = await issueServiceToken(backendKey, { ...both, issuer: 'functions' }, call, now - 120_000)
  const spent = await tokens(sent)
  expect((await ask({ ...sent, ...spent })).status).toBe(400)

  const wrong: Partial<Sent>[] = [
    { authorization: undefined },
    { forwarded: undefined },
    { authorization: 'Bearer x', forwarded: good.forwarded },
    { forwarded: forged },
    { forwarded: elsewhere },
    { forwarded: old },
    { authorization: `Bearer ${good.forwarded}` },
    { forwarded: good.authorization.slice(7) },
    { forwarded: (await tokens({ ...sent, owner: 'https://issuer.test|mallory' })).forwarded },
    { forwarded: (await tokens({ ...sent, path: '/internal/sessions' })).forwarded },
    { forwarded: (await tokens({ ...sent, method: 'PUT' })).forwarded },
    { forwarded: (await tokens({ ...sent, body: { a: 1 } })).forwarded },
    { authorization: (await tokens({ ...sent, body: { a: 1 } })).authorization },
    { forwarded: spent.forwarded },
    { authorization: spent.authorization },
  ]
  for (const change of wrong) {
    expect(await ask({ ...sent, ...change })).toMatchObject({ status: 401, body: { error: 'UNAUTHENTICATED' } })
  }
})

test('a body that is not of the documented form changes nothing and shows nothing', async () => {
  const key = testKey(world.rng.fork('bad input'))
  await begin(world, key)
  await stage(world, key)
  await complete(world, key)
  const secret = toHex(key.shares[0]!.secret)
  const clientShare = {
    keyId: key.keyId,
    publicKey: toHex(key.shares[0]!.publicKey),
    share: secret,
    proof: toHex(new Uint8Array(65)),
  }
  const body = { name: 'x', clientShare }
  const commit = { body, intent: intentFor(world, key, body) }
  const bad: (object | string)[] = [
    commit,
    { ...commit, body: { ...body, clientShare: { ...clientShare, share: `0x02${secret.slice(2)}`, extra: 1 } } },
    { ...commit, body: { ...body, clientShare: { ...clientShare, share: `0x02${secret.slice(2)}` } } },
    '{"body":',
    '[]',
    'null',
    '{"__proto__":{"a":1}}',
  ]
  for (const each of bad) {
    const { status, text } = await send(post('/internal/keys/commit', each))
    expect(status).toBe(400)
    expect(JSON.parse(text)).toMatchObject({ error: 'VALIDATION_FAILED' })
    expect(text).not.toContain(secret.slice(2))
    expect(text).not.toMatch(/\.ts|at /)
  }
  expect(lines.join('\n')).not.toContain(secret.slice(2))
  expect((await ask({ path: `/internal/keys/${key.keyId}` })).body).toMatchObject({ status: 'PENDING' })
  expect((await ask({ path: '/internal/keys/0x12' })).status).toBe(400)
  expect((await ask(post('/internal/sessions/ses_x/complete', { keyId: key.keyId }))).status).toBe(400)
})

test('ready says that databases and KMS answer, and needs no token', async () => {
  expect((await send({ path: '/health/ready', authorization: undefined, forwarded: undefined })).status).toBe(200)
})
