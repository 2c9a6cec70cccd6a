import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ConfigError, type Issuer, oidcVerifier } from '@tandem/service'
import { WireError } from '@tandem/wire'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'

const NOW = 1_800_000_000_000
const iat = NOW / 1000

let published: object[] = []
let fetches = 0
let status = 200
let server: Server
let row: Issuer

beforeAll(async () => {
  server = createServer((_, res) => {
    fetches++
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: published }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  row = {
    issuer: 'https://issuer.example',
    audience: 'tandem',
    jwksUrl: `http://127.0.0.1:${port}/jwks`,
    algorithms: ['ES256'],
  }
})
afterAll(() => void server.close())
beforeEach(() => {
  fetches = 0
  status = 200
})

async function issuerKey(kid: string) {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  published = [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }]
  return (claims: object = {}, header: object = {}) =>
    new SignJWT({ iss: row.issuer, aud: 'tandem', sub: 'ada', iat, exp: iat + 3_600, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid, ...header })
      .sign(privateKey)
}

const verifier = () => oidcVerifier({ issuers: [row], clock: () => NOW })

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(WireError)
  return (error as WireError).code
}

test('names the user by issuer and subject', async () => {
  const sign = await issuerKey('k1')
  expect(await verifier()(await sign())).toEqual({
    sub: 'https://issuer.example|ada',
    issuer: 'https://issuer.example',
    subject: 'ada',
  })
})

test.each([
  ['an unknown issuer', { iss: 'https://evil.example' }],
  ['no issuer', { iss: undefined }],
  ['another audience', { aud: 'else' }],
  ['an end that has passed', { exp: iat - 60 }],
  ['no end', { exp: undefined }],
  ['no time of issue', { iat: undefined }],
  ['a time of issue long ago', { iat: iat - 7_200 }],
  ['a time of issue in the future', { iat: iat + 60 }],
  ['no subject', { sub: undefined }],
  ['an empty subject', { sub: '' }],
  ['a subject that is not text', { sub: 7 }],
  ['a subject that is too long', { sub: 'x'.repeat(600) }],
  ['half a character as subject', { sub: '\ud800' }],
])('refuses a token with %s', async (_, claims) => {
  const sign = await issuerKey('k1')
  const clean = JSON.parse(JSON.stringify(claims)) as object
  const token = await sign(Object.fromEntries(Object.keys(claims).map((name) => [name, Reflect.get(clean, name)])))
  expect(await refusal(verifier()(token))).toBe('UNAUTHENTICATED')
})

test('refuses unsigned tokens, other algorithms, foreign keys, garbage', async () => {
  const foreign = await issuerKey('k1')
  const token = await foreign()
  await issuerKey('k1')
  const claims = { iss: row.issuer, aud: 'tandem', sub: 'ada', iat, exp: iat + 60 }
  const symmetric = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
    .sign(Buffer.from(JSON.stringify(published[0])))
  const verify = verifier()
  for (const bad of [
    token,
    symmetric,
    new UnsecuredJWT(claims).encode(),
    '',
    '..',
    'x',
    `${token}${'A'.repeat(9_000)}`,
  ])
    expect(await refusal(verify(bad))).toBe('UNAUTHENTICATED')
})

test('takes the keys of a rotation once the old ones have cooled, and asks once for many made-up key ids', async () => {
  const sign = await issuerKey('k1')
  const verify = verifier()
  await verify(await sign())
  expect(fetches).toBe(1)
  for (let i = 0; i < 20; i++) expect(await refusal(verify(await sign({}, { kid: `k${i}x` })))).toBe('UNAUTHENTICATED')
  expect(fetches).toBe(1)
})

test('says UNAVAILABLE, not UNAUTHENTICATED, when the issuer fails', async () => {
  const sign = await issuerKey('k1')
  status = 500
  expect(await refusal(verifier()(await sign()))).toBe('UNAVAILABLE')
})

test.each([
  ['a shared secret', { algorithms: ['ES256', 'HS256'] }],
  ['no signature', { algorithms: ['none'] }],
  ['no algorithm', { algorithms: [] }],
  ['no audience', { audience: '' }],
  ['an issuer with the separator', { issuer: 'a|b' }],
  ['keys over http from elsewhere', { jwksUrl: 'http://issuer.example/jwks' }],
  ['keys from nowhere', { jwksUrl: 'jwks' }],
])('refuses a table with %s', (_, changes) => {
  expect(() => oidcVerifier({ issuers: [{ ...row, ...changes }] })).toThrow(ConfigError)
})
