import { request } from 'node:http'
import type { Problem } from '@tandem/wire'
import { SignJWT, UnsecuredJWT } from 'jose'
import { pathOf } from '../helpers/path-of.ts'
import { type Api, apiAt } from './backend.ts'
import { type Framework, startFramework } from './framework.ts'
import type { HeldKey } from './key-holder.ts'
import { profileRequest, startWorld, type World } from './world.ts'

let world: World
let framework: Framework
let api: Api
let key: HeldKey

beforeAll(async () => {
  world = await startWorld()
  const { config } = world
  framework = await startFramework({
    ISSUERS: JSON.stringify(config.issuers),
    MODE: 'development',
    STORE_PATH: pathOf(config.store),
    SIGNING_KEY_FILE: config.signingKeyFile,
    DUO_NODE_URL: config.duoNodeUrl,
    SIGPAIR_URL: config.sigpairUrl,
    CHAINS: JSON.stringify({ 31337: 'http://127.0.0.1:1' }),
    ORIGINS: 'https://wallet.example',
    LOG_LEVEL: 'debug',
  })
  api = apiAt(framework.url, world.issuer)
  key = world.keys.addKey(world.issuer.userOf('ada'))
})
afterAll(async () => {
  await framework.stop()
  await world.close()
})

/** Without the helpers: headers and body as they stand here. */
async function raw(method: string, path: string, headers: Record<string, string>, body?: string | Uint8Array) {
  const answer = await fetch(`${framework.url}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: body as string }),
  })
  const text = await answer.text()
  return { status: answer.status, text, headers: answer.headers, problem: () => JSON.parse(text) as Problem }
}

const authorized = async () => ({
  authorization: `Bearer ${await world.issuer.tokenOf('ada')}`,
  'content-type': 'application/json',
})

const PROFILES = '/api/v2/profiles'

test('serves the documented endpoints', async () => {
  const created = await api.call<{ profileId: string }>('ada', 'POST', PROFILES, profileRequest(key))
  expect(created.status).toBe(201)
  const { profileId } = created.body
  expect((await api.call('ada', 'GET', `/api/v1/profiles/${profileId}`)).body).toMatchObject({
    profileId,
    keyStatus: 'READY',
  })
  expect((await api.call('ada', 'GET', '/api/v1/mpc/cloud-public-key')).status).toBe(200)
})

test.each([
  ['GET', '/api/v1/profiles'],
  ['GET', '/api/v1/mpc/cloud-public-key'],
  ['POST', '/api/v1/mpc/tickets'],
  ['POST', '/api/v1/mpc/sign'],
])('%s %s without a token is refused', async (method, path) => {
  const { status, problem } = await raw(method, path, {}, method === 'POST' ? '{' : undefined)
  expect({ status, error: problem().error }).toEqual({ status: 401, error: 'UNAUTHENTICATED' })
})

const now = Math.floor(Date.now() / 1000)

/** The same claims and signature under the header `{"alg":"none"}`. */
function withAlgNone(token: string): string {
  const [, claims, signature] = token.split('.')
  return [Buffer.from('{"alg":"none","kid":"k1"}').toString('base64url'), claims, signature].join('.')
}

/** HS256 under the bytes of the key that everybody can fetch. */
async function hmacToken(): Promise<string> {
  const jwks = await (await fetch(world.issuer.row.jwksUrl)).text()
  const claims = { iss: world.issuer.row.issuer, aud: 'tandem', sub: 'ada', iat: now, exp: now + 300 }
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(Buffer.from(jwks))
}

test.each<readonly [string, () => Promise<string>]>([
  ['unsigned', async () => new UnsecuredJWT({ iss: world.issuer.row.issuer, aud: 'tandem', sub: 'ada' }).encode()],
  ['of another issuer', () => world.issuer.tokenOf('ada', { iss: 'https://evil.example' })],
  ['for another audience', () => world.issuer.tokenOf('ada', { aud: 'another app' })],
  ['that has expired', () => world.issuer.tokenOf('ada', { iat: now - 600, exp: now - 300 })],
  ['of an unknown key', () => world.issuer.tokenOf('ada', {}, { kid: 'k2' })],
  ['cut short', async () => (await world.issuer.tokenOf('ada')).slice(0, -4)],
  [
    'whose signature Cloud Run took away',
    async () => (await world.issuer.tokenOf('ada')).replace(/[^.]*$/, 'SIGNATURE_REMOVED_BY_GOOGLE'),
  ],
  ['without a signature', async () => (await world.issuer.tokenOf('ada')).replace(/[^.]*$/, '')],
  ['that says it needs no signature', () => world.issuer.tokenOf('ada', {}, { typ: 'JWT' }).then(withAlgNone)],
  ['signed with the public key as a secret', () => hmacToken()],
  ['that is not good yet', () => world.issuer.tokenOf('ada', { nbf: now + 300 })],
  ['of nobody', () => world.issuer.tokenOf('')],
])('a token %s is refused', async (_, token) => {
  const { status } = await raw('GET', '/api/v1/profiles', { authorization: `Bearer ${await token()}` })
  expect(status).toBe(401)
})

test.each([
  ['malformed', '{"name": '],
  ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
  ['empty', ''],
  ['a list', '[]'],
  ['too deep', '['.repeat(10_000)],
  ['with __proto__', '{"name":"x","__proto__":{"admin":true}}'],
  ['with constructor', '{"name":"x","constructor":{"prototype":{}}}'],
])('a body that is %s is answered VALIDATION_FAILED, without a stack', async (_, body) => {
  const { status, text, headers, problem } = await raw('POST', PROFILES, await authorized(), body)
  expect({ status, error: problem().error }).toEqual({ status: 400, error: 'VALIDATION_FAILED' })
  expect(headers.get('content-type')).toBe('application/problem+json')
  expect(text).not.toMatch(/ at |\.ts|\.js|node_modules/)
})

test.each([
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/cloudevents+json',
  'application/json; charset=utf-7',
])('a broken body of type %s never reaches a parser of the framework', async (type) => {
  const { problem } = await raw('POST', PROFILES, { ...(await authorized()), 'content-type': type }, '{"a":')
  expect(problem().error).toBe('VALIDATION_FAILED')
})

test('an unknown field, a wrong type and a missing field are named', async () => {
  const good = profileRequest(key)
  const detailsOf = async (body: object) => (await api.call('ada', 'POST', PROFILES, body)).body.details
  expect(await detailsOf({ ...good, admin: true })).toContain('admin')
  expect(await detailsOf({ ...good, name: 7 })).toContain('body.name')
  expect(await detailsOf({ ...good, clientShare: undefined })).toContain('body.clientShare')
  expect(await detailsOf({ ...good, intent: { ...good.intent, epoch: -1 } })).toContain('body.intent.epoch')
})

test('a private share is refused, reaches nobody, and is not logged', async () => {
  const secret = 'deadbeef'.repeat(8)
  const good = profileRequest(key)
  const calls = world.keys.calls.length
  for (const share of [`0x${secret}`, `0x00${secret}`, secret]) {
    const body = { ...good, clientShare: { ...good.clientShare, share } }
    const { status, body: problem } = await api.call('ada', 'POST', PROFILES, body)
    expect({ status, error: problem.error }).toEqual({ status: 400, error: 'VALIDATION_FAILED' })
    expect(JSON.stringify(problem)).not.toContain(secret)
  }
  expect(world.keys.calls).toHaveLength(calls)
  expect(framework.output()).toContain(PROFILES)
  expect(framework.output()).not.toContain(secret)
})

test('a body above the limit is refused before it is parsed', async () => {
  const { status, problem } = await raw('POST', PROFILES, await authorized(), `{"name":"${'x'.repeat(300_000)}`)
  expect({ status, error: problem().error }).toEqual({ status: 413, error: 'PAYLOAD_TOO_LARGE' })
})

test('a body that announces a gigabyte is refused unread', async () => {
  const status = await new Promise((resolve, reject) => {
    const headers = { 'content-length': String(2 ** 30), authorization: 'Bearer none' }
    const asked = request(`${framework.url}${PROFILES}`, { method: 'POST', headers }, (answer) => {
      resolve(answer.statusCode)
      asked.destroy()
    })
    asked.on('error', reject)
    asked.flushHeaders()
  })
  expect(status).toBe(413)
})

test('a body that arrives in chunks is bounded too', async () => {
  const chunk = new Uint8Array(64 * 1024).fill(0x20)
  const status = await new Promise((resolve, reject) => {
    const asked = request(`${framework.url}${PROFILES}`, { method: 'POST' }, (answer) => resolve(answer.statusCode))
    asked.on('error', reject)
    for (let i = 0; i < 8; i++) asked.write(chunk)
    asked.end()
  })
  expect(status).toBe(413)
})

test('a compressed body is refused: it could be of any size', async () => {
  const { problem } = await raw('POST', PROFILES, { ...(await authorized()), 'content-encoding': 'gzip' }, 'x')
  expect(problem().error).toBe('VALIDATION_FAILED')
})

test.each([
  ['GET', '/'],
  ['GET', '/api/v1/profiles/prf_short'],
  ['GET', '/api/v1/profiles/..%2f..%2fetc'],
  ['DELETE', '/api/v1/profiles'],
  ['GET', '/api/v1/transactions/ses_%00'],
])('%s %s is answered in our form', async (method, path) => {
  const { status, problem } = await raw(method, path, await authorized())
  expect([400, 404]).toContain(status)
  expect(['NOT_FOUND', 'VALIDATION_FAILED']).toContain(problem().error)
})

test('a version that is not served gets nothing done, a wrong token included', async () => {
  const of = async (version: string, headers: Record<string, string>) =>
    raw('GET', '/api/v1/profiles', { ...headers, 'tandem-version': version })
  const refused = await of('2', {})
  expect(refused.problem()).toMatchObject({ error: 'VERSION_UNSUPPORTED', statusCode: 426, details: 'served: 1' })
  const served = await of('1', await authorized())
  expect([served.status, served.headers.get('tandem-versions')]).toEqual([200, '1'])
})

test('another user’s profile is absent', async () => {
  const { body } = await api.call<{ profileId: string }>('ada', 'POST', PROFILES, profileRequest(key))
  const absent = await api.call('eve', 'GET', '/api/v1/profiles/prf_AAAAAAAAAAAAAAAAAAAAAA')
  const foreign = await api.call('eve', 'GET', `/api/v1/profiles/${body.profileId}`)
  const same = (problem: Problem) => ({ ...problem, requestId: '' })
  expect(foreign.status).toBe(404)
  expect(same(foreign.body)).toEqual(same(absent.body))
  expect((await api.call('eve', 'GET', '/api/v1/profiles')).body).toEqual({ profiles: [] })
})

test('a page of a listed origin may call; others may not', async () => {
  const from = async (origin: string, method = 'GET') =>
    raw(method, '/api/v1/profiles', { ...(await authorized()), origin })
  const allowed = await from('https://wallet.example')
  expect(allowed.status).toBe(200)
  expect(allowed.headers.get('access-control-allow-origin')).toBe('https://wallet.example')
  const preflight = await from('https://wallet.example', 'OPTIONS')
  expect(preflight.status).toBe(204)
  expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization')
  expect(preflight.headers.get('access-control-allow-headers')).toContain('tandem-version')

  const refused = await from('https://evil.example')
  expect({ status: refused.status, error: refused.problem().error }).toEqual({ status: 403, error: 'FORBIDDEN' })
  expect(refused.headers.get('access-control-allow-origin')).toBeNull()
  expect((await from('https://evil.example', 'OPTIONS')).headers.get('access-control-allow-origin')).toBeNull()
})

test('a request for another host is refused: a page may have bound its name to our address', async () => {
  const status = await new Promise((resolve, reject) => {
    const headers = { host: 'evil.example' }
    const asked = request(`${framework.url}/api/v1/profiles`, { headers }, (answer) => resolve(answer.statusCode))
    asked.on('error', reject).end()
  })
  expect(status).toBe(403)
})

test('listens on loopback only, unless told otherwise', async () => {
  const { port } = new URL(framework.url)
  await expect(fetch(`http://127.0.0.2:${port}/health/live`)).rejects.toThrow('fetch failed')
})

test('is ready when its store is', async () => {
  expect((await raw('GET', '/health/ready', {})).status).toBe(200)
})

test('says so as seed 003 words it when duo-node is down', async () => {
  await world.stopDuoNode()
  const { status, body } = await api.call('ada', 'POST', PROFILES, profileRequest(key))
  expect(status).toBe(503)
  expect(body).toEqual({
    error: 'DUO_NODE_UNAVAILABLE',
    message: 'Cannot connect to MPC infrastructure',
    statusCode: 503,
    requestId: expect.any(String),
  })
})
