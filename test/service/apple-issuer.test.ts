import { createHash, KeyObject } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { appleIssuer, ConfigError, type Issuer, oidcVerifier } from '@tandem/service'
import { WireError } from '@tandem/wire'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'

/** A synthetic Apple: two RSA keys and an EC key over loopback, as appleid.apple.com has several. */

const APP = 'com.example.wallet'
const WEB = 'com.example.wallet.web'
const NONCE = 'drawn-by-the-app-0001'
const hashed = createHash('sha256').update(NONCE).digest('hex')

type Key = Awaited<ReturnType<typeof makeKey>>

async function makeKey(kid: string, alg: 'RS256' | 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

let keys: Record<'one' | 'two' | 'ec', Key>
let published: object[] = []
let fetches = 0
let server: Server
let apple: Issuer
const realNow = Date.now

beforeAll(async () => {
  keys = {
    one: await makeKey('Aa1', 'RS256'),
    two: await makeKey('Bb2', 'RS256'),
    ec: await makeKey('Cc3', 'ES256'),
  }
  server = createServer((_, res) => {
    fetches++
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: published }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/auth/keys`
  apple = { ...appleIssuer({ audience: [APP, WEB] }), jwksUrl }
})
afterAll(() => void server.close())
beforeEach(() => {
  published = [keys.one.jwk, keys.ec.jwk]
  fetches = 0
})
afterEach(() => {
  Date.now = realNow
})

const now = () => Math.floor(Date.now() / 1000)

/** Apple's claims; an e-mail address is there or not, and means nothing here. */
function claims(change: object = {}) {
  const [iat, sub] = [now(), '000544.5e201aec537347aeb79d23cbc345170a.1321']
  return { iss: 'https://appleid.apple.com', aud: APP, sub, iat, exp: iat + 86_400, auth_time: iat, ...change }
}

const sign = (change: object = {}, key = keys.one, header: object = {}) =>
  new SignJWT(claims(change)).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey)

async function outcome(token: string, row = apple, nonce?: string): Promise<string> {
  try {
    return (await oidcVerifier({ issuers: [row] })(token, nonce)).sub
  } catch (error) {
    if (error instanceof WireError) return error.code
    throw error
  }
}

const ADA = 'https://appleid.apple.com|000544.5e201aec537347aeb79d23cbc345170a.1321'

test('a token of Apple names the user, for the app and for its web page, without an e-mail address', async () => {
  expect(await outcome(await sign())).toBe(ADA)
  expect(await outcome(await sign({ aud: WEB }))).toBe(ADA)
  expect(await outcome(await sign({ email: 'x@privaterelay.appleid.com', email_verified: 'false' }))).toBe(ADA)
  expect(await outcome(await sign({}, keys.ec))).toBe(ADA)
})

test('a token for another app, of another issuer, over, or older than ten minutes is refused', async () => {
  expect(await outcome(await sign({ aud: 'com.example.other' }))).toBe('UNAUTHENTICATED')
  expect(await outcome(await sign({ aud: undefined }))).toBe('UNAUTHENTICATED')
  expect(await outcome(await sign({ iss: 'https://appleid.apple.com.evil.example' }))).toBe('UNAUTHENTICATED')
  expect(await outcome(await sign({ exp: now() - 60 }))).toBe('UNAUTHENTICATED')
  expect(await outcome(await sign({ iat: now() - 540 }))).toBe(ADA)
  expect(await outcome(await sign({ iat: now() - 660 }))).toBe('UNAUTHENTICATED')
})

test('an unsigned token, another algorithm, and an algorithm that is not the key’s are refused', async () => {
  const longer = await new SignJWT(claims())
    .setProtectedHeader({ alg: 'RS512', kid: 'Aa1' })
    .sign(KeyObject.from(keys.one.privateKey))
  const shared = await new SignJWT(claims())
    .setProtectedHeader({ alg: 'HS256', kid: 'Aa1' })
    .sign(Buffer.from(JSON.stringify(keys.one.jwk)))
  // RS256 under the id of the EC key
  const crossed = await sign({}, keys.one, { kid: keys.ec.kid })
  for (const token of [new UnsecuredJWT(claims()).encode(), longer, shared, crossed])
    expect(await outcome(token)).toBe('UNAUTHENTICATED')
})

test('keys change: a new one is fetched when it is met, a retired one is forgotten, neither for every token', async () => {
  const verify = oidcVerifier({ issuers: [apple], clock: () => Date.now() })
  await verify(await sign())
  published = [keys.two.jwk]
  // not for every made-up key id
  await expect(verify(await sign({}, keys.two))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(fetches).toBe(1)

  Date.now = () => realNow() + 31_000
  expect((await verify(await sign({}, keys.two))).sub).toBe(ADA)
  await expect(verify(await sign())).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(fetches).toBe(2)

  published = []
  Date.now = () => realNow() + 11 * 60_000
  await expect(verify(await sign({}, keys.two))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
})

test('a key set beyond all measure is not read', async () => {
  published = [keys.one.jwk, { kty: 'RSA', kid: 'x', n: 'A'.repeat(70_000), e: 'AQAB' }]
  expect(await outcome(await sign())).toBe('UNAVAILABLE')
})

test('a nonce that is sent has to be the token’s, and where one is demanded it has to be sent', async () => {
  const strict = { ...apple, requireNonce: true }
  const bound = await sign({ nonce: hashed })
  expect(await outcome(bound, apple, NONCE)).toBe(ADA)
  expect(await outcome(bound, strict, NONCE)).toBe(ADA)
  expect(await outcome(bound, apple)).toBe(ADA)
  expect(await outcome(bound, strict)).toBe('UNAUTHENTICATED')
  for (const row of [apple, strict]) {
    expect(await outcome(bound, row, `${NONCE}x`)).toBe('UNAUTHENTICATED')
    expect(await outcome(bound, row, hashed)).toBe('UNAUTHENTICATED')
    expect(await outcome(await sign(), row, NONCE)).toBe('UNAUTHENTICATED')
    expect(await outcome(await sign({ nonce: NONCE }), row, NONCE)).toBe('UNAUTHENTICATED')
    expect(await outcome(bound, row, '')).toBe('UNAUTHENTICATED')
  }
})

test('a table without an audience is refused, and one that names an issuer twice', () => {
  const twice = [appleIssuer({ audience: [APP] }), appleIssuer({ audience: [WEB] })]
  expect(() => oidcVerifier({ issuers: twice })).toThrow(ConfigError)
  for (const audience of [[], ['']])
    expect(() => oidcVerifier({ issuers: [appleIssuer({ audience })] })).toThrow(ConfigError)
})
