import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '@tandem/service'
import { openStore } from '@tandem/store'
import {
  type AppAttestChallengeResponse,
  appAttestClientData,
  type AttestedDeviceResponse,
  fromBase64url,
  toBase64url,
  type UserAuditPage,
} from '@tandem/wire'
import { readFunctionsConfig } from '../../functions/src/config.ts'
import { requireAttested } from '../../functions/src/http/attest-device.ts'
import { attestedDevices } from '../../functions/src/ports/attested-devices.ts'
import {
  APP_ID,
  type AppKey,
  type AssertionChanges,
  type Authority,
  BUNDLE_ID,
  makeAppKey,
  makeIssuer,
  makeRoot,
  TEAM_ID,
} from './app-attest-authority.ts'
import { startWorld, type Wallet, type World } from './world.ts'

const device = (byte: string) => ({ identity: `0x${byte.repeat(32)}`, exchange: `0x${byte.repeat(32)}` })
const certified = (byte: string) => ({ ...device(byte), certificate: `0x${'0c'.repeat(64)}` })

let issuer: Authority
let world: World
let wallet: Wallet

beforeAll(async () => {
  const root = await makeRoot()
  issuer = await makeIssuer(root)
  const rules = { appIds: [APP_ID], environment: 'production' as const, root: root.certificate.toString('pem') }
  world = await startWorld('http://127.0.0.1:1', { appAttest: { ...rules, required: true } })
  wallet = await world.createWallet('ada')
})
afterAll(() => world.close())

const post = <T>(path: string, body: object, user = 'ada') => world.call<T>(user, 'POST', `/api/v1/${path}`, body)
const ticket = (body: object) => post<object>('mpc/tickets', body)

async function challenged(deviceKey: ReturnType<typeof device>, user = 'ada') {
  const { body } = await post<AppAttestChallengeResponse>('app-attest/challenges', { deviceKey }, user)
  const clientData = appAttestClientData(fromBase64url(body.challenge), deviceKey)
  return { ...body, hash: Uint8Array.from(createHash('sha256').update(clientData).digest()) }
}

async function attest(key: AppKey, deviceKey: ReturnType<typeof device>, user = 'ada') {
  const { hash } = await challenged(deviceKey, user)
  const body = { deviceKey, keyId: key.keyId, attestation: toBase64url(await key.attest(hash)) }
  return { body, answer: await post<AttestedDeviceResponse>('app-attest/attestations', body, user) }
}

async function assert(key: AppKey, deviceKey: ReturnType<typeof device>, changes: AssertionChanges = {}) {
  const { hash } = await challenged(deviceKey)
  const assertion = toBase64url(await key.assert(hash, changes))
  return post<AttestedDeviceResponse>('app-attest/assertions', { deviceKey, assertion })
}

test('a new key, and a key for a new device, need a device that is attested; keys there are go on', async () => {
  const deviceKey = certified('0a')
  const { keyId } = wallet.key
  for (const body of [
    { operation: 'keygen', deviceKey },
    { operation: 'recover', keyId, deviceKey },
  ])
    expect((await ticket(body)).body).toMatchObject({ error: 'FORBIDDEN', details: 'device not attested' })
  expect((await ticket({ operation: 'presign', keyId })).status).toBe(200)
  expect((await ticket({ operation: 'refresh', keyId })).status).toBe(200)

  const { answer } = await attest(await makeAppKey(issuer), device('0a'))
  expect(answer.status).toBe(200)
  expect(answer.body.attestedUntil * 1000 - Date.now()).toBeGreaterThan(29 * 86_400_000)
  for (const body of [
    { operation: 'keygen', deviceKey },
    { operation: 'recover', keyId, deviceKey },
  ])
    expect((await ticket(body)).status).toBe(200)
  // neither half of the device's key alone
  const half = { ...deviceKey, exchange: device('0b').exchange }
  expect((await ticket({ operation: 'keygen', deviceKey: half })).body.error).toBe('FORBIDDEN')
  const eve = await post<object>('mpc/tickets', { operation: 'keygen', deviceKey }, 'eve')
  expect(eve.body.error).toBe('FORBIDDEN')
})

test('a challenge is for one user, one device and one answer', async () => {
  const key = await makeAppKey(issuer)
  const { body, answer } = await attest(key, device('1a'))
  expect(answer.status).toBe(200)
  expect((await post('app-attest/attestations', body)).body).toMatchObject({ error: 'VALIDATION_FAILED' })
  // of another device or user, for which there is a challenge too
  await challenged(device('1b'))
  const elsewhere = await post('app-attest/attestations', { ...body, deviceKey: device('1b') })
  expect(elsewhere.body).toMatchObject({
    error: 'FORBIDDEN',
    details: 'app attest: an attestation for this challenge and device',
  })
  await challenged(device('1a'), 'eve')
  expect((await post('app-attest/attestations', body, 'eve')).body.error).toBe('FORBIDDEN')
  // what was refused has used the challenge up
  expect((await post('app-attest/attestations', body, 'eve')).body.error).toBe('VALIDATION_FAILED')
})

test('an assertion of the attested key renews, its counter only rises, and another key’s is nothing', async () => {
  const key = await makeAppKey(issuer)
  expect((await assert(key, device('2a'))).body).toMatchObject({ error: 'FORBIDDEN' })
  await attest(key, device('2a'))
  expect((await challenged(device('2a'))).keyId).toBe(key.keyId)
  expect((await assert(key, device('2a'), { counter: 5 })).body).toMatchObject({ keyId: key.keyId })
  expect((await assert(key, device('2a'), { counter: 5 })).body.details).toMatch('a counter that has risen')
  expect((await assert(key, device('2a'), { counter: 6 })).status).toBe(200)
  expect((await assert(await makeAppKey(issuer), device('2a'), { counter: 7 })).body.error).toBe('FORBIDDEN')
})

test('the user’s log says that a device was attested and asserted', async () => {
  const { body } = await world.call<UserAuditPage>('ada', 'GET', '/api/v1/audit?limit=200')
  const methods = body.lines.map(({ entry }) => entry.methodName)
  expect(methods).toEqual(expect.arrayContaining(['device.attest', 'device.assert']))
})

test('a challenge ends after five minutes, an attestation after thirty days', async () => {
  const store = await openStore(world.config.store)
  const past = attestedDevices(store, () => Date.now() - 300_001)
  await past.putChallenge('u', device('3a'), new Uint8Array(32))
  expect(await past.takeChallenge('u', device('3a'))).toBeUndefined()
  const devices = attestedDevices(store, Date.now)
  const owner = world.issuer.userOf('ada')
  const later = (days: number) =>
    requireAttested({ devices, required: true, now: () => Date.now() + days * 86_400_000 })
  await later(29)(owner, device('0a'))
  await expect(later(31)(owner, device('0a'))).rejects.toMatchObject({ code: 'FORBIDDEN' })
  // in any case of its letters
  await later(29)(owner, { ...device('0a'), identity: device('0a').identity.toUpperCase().replace('X', 'x') })
  await store.close()
})

test('a nonce that is sent beside the token has to be the token’s', async () => {
  const nonce = 'drawn-by-the-app-0001'
  const hashed = createHash('sha256').update(nonce).digest('hex')
  const authorization = `Bearer ${await world.issuer.tokenOf('ada', { nonce: hashed })}`
  const statusWith = async (sent: string) =>
    (await fetch(`${world.url}/api/v1/2fa`, { headers: { authorization, 'x-sign-in-nonce': sent } })).status
  expect(await statusWith(nonce)).toBe(200)
  expect(await statusWith(`${nonce}x`)).toBe(401)
})

describe('the configuration', () => {
  const file = join(import.meta.dirname, '../vectors/app_attest_apple.json')
  const { root: der } = JSON.parse(readFileSync(file, 'utf8')) as { readonly root: string }
  const root = `-----BEGIN CERTIFICATE-----\n${der}\n-----END CERTIFICATE-----\n`
  const app = { teamId: TEAM_ID, bundleIds: [BUNDLE_ID], root }
  const env = (change: object) => ({
    STORE_PATH: 'backend.sqlite',
    STORE: 'sqlite',
    MODE: 'development',
    ISSUERS: '[{"apple":{"audience":["com.example.wallet","com.example.web"]}}]',
    SIGNING_KEY_FILE: 'functions.jwk',
    DUO_NODE_URL: 'wss://duo-node.internal',
    SIGPAIR_URL: 'wss://sigpair.example',
    CHAINS: '{}',
    ...change,
  })
  const read = (change: object = {}) => readFunctionsConfig(env({ APP_ATTEST: JSON.stringify({ ...app, ...change }) }))

  test('names the apps, demands nothing unless told, and knows Sign in with Apple by one word', () => {
    expect(read().appAttest).toEqual({ appIds: [APP_ID], environment: 'production', root, required: false })
    expect(readFunctionsConfig(env({})).appAttest).toBeUndefined()
    expect(read().issuers).toEqual([
      {
        issuer: 'https://appleid.apple.com',
        audience: ['com.example.wallet', 'com.example.web'],
        jwksUrl: 'https://appleid.apple.com/auth/keys',
        algorithms: ['RS256', 'ES256'],
        maxAgeSeconds: 600,
        requireNonce: false,
      },
    ])
  })

  test.each([
    ['without a root', { root: undefined }],
    ['with a root that is none', { root: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' }],
    ['without a team', { teamId: 'x' }],
    ['without an app', { bundleIds: [] }],
    ['with a word it does not know', { enabled: true }],
  ])('%s is refused', (_, change) => {
    expect(() => read(change)).toThrow(ConfigError)
  })

  test('for development is refused in production', () => {
    const APP_ATTEST = JSON.stringify({ ...app, environment: 'development' })
    expect(readFunctionsConfig(env({ APP_ATTEST })).appAttest?.environment).toBe('development')
    expect(() => readFunctionsConfig(env({ APP_ATTEST, MODE: 'production' }))).toThrow(/APP_ATTEST: development/)
  })
})

test('where nobody has said whose attestations are taken, there is nothing to ask', async () => {
  const other = await startWorld()
  const { body } = await other.call('ada', 'POST', '/api/v1/app-attest/challenges', { deviceKey: device('0a') })
  expect(body.error).toBe('NOT_FOUND')
  const keygen = { operation: 'keygen', deviceKey: certified('0a') }
  expect((await other.call('ada', 'POST', '/api/v1/mpc/tickets', keygen)).status).toBe(200)
  await other.close()
})
