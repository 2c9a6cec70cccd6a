import {
  createLog,
  createSigningKey,
  handle,
  issueServiceToken,
  listen,
  type Serving,
  type SigningKey,
  trustKeys,
} from '@tandem/service'
import { eventRoutes, type Stores } from '@tandem/sigpair'
import { openSqlite } from '@tandem/store'

let key: SigningKey
let serving: Serving
let stores: Stores

beforeAll(async () => {
  key = await createSigningKey()
  const open = () => openSqlite({ path: ':memory:' })
  stores = { parties: open(), presignatures: open(), sealer: undefined as never, now: Date.now }
  const routes = eventRoutes({ stores, duoNode: { issuer: 'duo-node', keys: trustKeys([key.publicJwk]) } })
  const deps = { log: createLog({ name: 'test', level: 'silent' }), hosts: ['127.0.0.1'] }
  serving = await listen(handle(routes, deps), { name: 'sigpair', host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  serving.cut()
  await serving.close()
  await Promise.all([stores.parties.close(), stores.presignatures.close()])
})

const PATH = '/internal/events?limit=10'

async function tokenFor(path: string, change: object = {}, by = key): Promise<string> {
  const from = { issuer: 'duo-node', subject: 'system', audience: ['sigpair'], ...change }
  return issueServiceToken(by, from, { method: 'GET', path, body: new Uint8Array() })
}

async function ask(path: string, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  return (await fetch(`http://127.0.0.1:${serving.port}${path}`, { headers })).status
}

test('duo-node lists events in nobody’s name, with a token that is good once', async () => {
  const token = await tokenFor(PATH)
  expect(await ask(PATH, token)).toBe(200)
  expect(await ask(PATH, token)).toBe(401)
})

test.each([
  ['for a user', async () => tokenFor(PATH, { subject: 'https://issuer.test|alice' })],
  ['of the backend', async () => tokenFor(PATH, { issuer: 'functions' })],
  ['for another service', async () => tokenFor(PATH, { audience: ['duo-node'] })],
  ['for another path', async () => tokenFor('/internal/events')],
  ['by a stranger', async () => tokenFor(PATH, {}, await createSigningKey())],
])('refuses a token %s', async (_, make) => {
  expect(await ask(PATH, await make())).toBe(401)
})

test('refuses a page of any other size than it offers', async () => {
  for (const limit of ['0', '1000', '-1', '1e2', 'all']) {
    const path = `/internal/events?limit=${limit}`
    expect(await ask(path, await tokenFor(path))).toBe(400)
  }
})
