import { googleIdentity, NoAnswer, type ServiceIdentity, serviceIdentity } from '@tandem/service'
import { idToken, type MetadataServer, startMetadataServer } from '../helpers/metadata-server.ts'

const DUO_NODE = 'https://duo-node.example'

let at = Date.now()
let metadata: MetadataServer
let identity: ServiceIdentity
beforeEach(async () => {
  at = Date.now()
  metadata = await startMetadataServer(() => at)
  identity = googleIdentity({ metadataHost: metadata.host, now: () => at })
})
afterEach(() => metadata.close())

const tokenFor = async (url: string) => (await identity(url))['x-serverless-authorization']

test('a call to a service carries a token for that service, beside Authorization and not in it', async () => {
  const headers = await identity(`${DUO_NODE}/internal/keys/commit?a=b`)
  expect(Object.keys(headers)).toEqual(['x-serverless-authorization'])
  expect(headers['x-serverless-authorization']).toBe(`Bearer ${idToken(DUO_NODE, Math.floor(at / 1000) + 3_600, 1)}`)
  expect(metadata.asked).toEqual([DUO_NODE])
})

test('a WebSocket to a service is for the same audience as HTTP', async () => {
  await identity('wss://duo-node.example/socket.io')
  expect(metadata.asked).toEqual([DUO_NODE])
})

test('one token serves every call until shortly before its end, however many come at once', async () => {
  const first = await Promise.all(Array.from({ length: 5 }, () => tokenFor(DUO_NODE)))
  expect(new Set(first).size).toBe(1)
  at += 54 * 60_000
  expect(await tokenFor(DUO_NODE)).toBe(first[0])
  expect(metadata.asked).toHaveLength(1)
  at += 2 * 60_000
  expect(await tokenFor(DUO_NODE)).not.toBe(first[0])
  expect(metadata.asked).toHaveLength(2)
})

test('every service has a token of its own', async () => {
  expect(await tokenFor(DUO_NODE)).not.toBe(await tokenFor('https://sigpair.example'))
  expect(metadata.asked).toEqual([DUO_NODE, 'https://sigpair.example'])
})

test('while no other can be had, a token serves as long as it is good, and no longer', async () => {
  const held = await tokenFor(DUO_NODE)
  metadata.answer = () => ({ status: 503, body: '' })
  at += 57 * 60_000
  expect(await tokenFor(DUO_NODE)).toBe(held)
  at += 3 * 60_000
  await expect(identity(DUO_NODE)).rejects.toThrow(NoAnswer)
  metadata.answer = undefined
  expect(await tokenFor(DUO_NODE)).not.toBe(held)
})

test('what is no token, or one for another service, is not sent, and not said', async () => {
  const wrong = idToken('https://another.example', Math.floor(at / 1000) + 3_600)
  for (const body of [wrong, 'not.one.at-all', 'x'.repeat(9_000), idToken(DUO_NODE, Number.NaN)]) {
    metadata.answer = () => ({ status: 200, body })
    const failure = await identity(DUO_NODE).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(NoAnswer)
    const { cause } = failure as { readonly cause: Error }
    expect(`${String(failure)} ${cause.message} ${cause.stack}`).not.toContain(body)
  }
})

test('nobody is asked unless the configuration says google', async () => {
  const choice = { GCE_METADATA_HOST: metadata.host }
  expect(await serviceIdentity({ ...choice, SERVICE_IDENTITY: 'none' })(DUO_NODE)).toEqual({})
  expect(metadata.asked).toEqual([])
  await serviceIdentity({ ...choice, SERVICE_IDENTITY: 'google' })(DUO_NODE)
  expect(metadata.asked).toEqual([DUO_NODE])
})
