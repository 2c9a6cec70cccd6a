import { readDuoNodeConfig } from '@tandem/duo-node'

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

const env = {
  STORE_PATH: 'duo-node.sqlite',
  SIGNING_KEY_FILE: 'duo-node.jwk',
  FUNCTIONS_KEYS: `[{"kty":"OKP","crv":"Ed25519","x":"${'A'.repeat(43)}","kid":"${'B'.repeat(43)}"}]`,
  SIGPAIR_INTERNAL_URL: 'http://127.0.0.1:8081/',
}

const WEBHOOK_URL = 'http://127.0.0.1:3000/webhooks/duo-node'

test('without an address for webhooks there are none', () => {
  expect(readDuoNodeConfig(env)).toMatchObject({ port: 3001, sigpairUrl: 'http://127.0.0.1:8081' })
  expect(readDuoNodeConfig(env)).not.toHaveProperty('webhooks')
})

test('with one they are asked for once a second, and tried sixteen times', () => {
  expect(readDuoNodeConfig({ ...env, WEBHOOK_URL, WEBHOOK_SECRET: SECRET }).webhooks).toEqual({
    url: WEBHOOK_URL,
    secret: SECRET,
    pollMs: 1_000,
    attempts: 16,
    backoffMs: 1_000,
    leaseMs: 30_000,
  })
})

test.each([
  ['no secret', {}, /WEBHOOK_SECRET is not/],
  ['a secret of another form', { WEBHOOK_SECRET: 'geheim' }, /WEBHOOK_SECRET: whsec_/],
  ['a lease that one attempt could outlive', { WEBHOOK_SECRET: SECRET, WEBHOOK_LEASE_MS: '5000' }, /WEBHOOK_LEASE_MS/],
  ['no attempts', { WEBHOOK_SECRET: SECRET, WEBHOOK_ATTEMPTS: '0' }, /WEBHOOK_ATTEMPTS/],
])('an address and %s is refused at the start, without showing a value', (_, change, message) => {
  const read = () => readDuoNodeConfig({ ...env, WEBHOOK_URL, ...change })
  expect(read).toThrow(message)
  expect(read).not.toThrow(/geheim/)
})
