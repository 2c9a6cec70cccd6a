import { readDuoNodeConfig } from '@tandem/duo-node'
import { ConfigError, createSigningKey } from '@tandem/service'
import { readFunctionsConfig } from '../../functions/src/config.ts'
import { readSigpairConfig } from '../../sigpair/src/config.ts'

const KEYS = JSON.stringify([(await createSigningKey()).publicJwk])
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const DAY_MS = 86_400_000

const issuers = (issuer: string, jwksUrl = `${issuer}/jwks`) =>
  JSON.stringify([{ issuer, audience: 'tandem', jwksUrl, algorithms: ['ES256'] }])

type Service = {
  readonly read: (env: Readonly<Record<string, string>>) => unknown
  /** what production takes */
  readonly env: Readonly<Record<string, string>>
  /** variables as production refuses them, each with a word of what is said */
  readonly refused: readonly (readonly [name: string, value: string, why: string])[]
}

const FIRESTORE = { STORE: 'firestore', FIRESTORE_PROJECT: 'demo-tandem' }
const EMULATOR = ['FIRESTORE_EMULATOR_HOST', '127.0.0.1:8088', 'forgets'] as const

const SERVICES: Readonly<Record<string, Service>> = {
  sigpair: {
    read: readSigpairConfig,
    env: {
      ...FIRESTORE,
      KMS_KEY: 'projects/p/locations/global/keyRings/r/cryptoKeys/k',
      FUNCTIONS_KEYS: KEYS,
      DUO_NODE_KEYS: KEYS,
    },
    refused: [
      EMULATOR,
      ['KMS_ENDPOINT', 'http://127.0.0.1:9010', 'TLS'],
      ['KMS_ENDPOINT', 'https://localhost:9010', 'this machine'],
      ['POLICY_DELAY_MS', '1001', 'a day'],
      ['POLICY_DELAY_MS', String(DAY_MS - 1), 'a day'],
    ],
  },
  'duo-node': {
    read: readDuoNodeConfig,
    env: {
      ...FIRESTORE,
      SIGNING_KEY_FILE: 'duo-node.jwk',
      FUNCTIONS_KEYS: KEYS,
      SIGPAIR_INTERNAL_URL: 'https://sigpair.internal',
      WEBHOOK_URL: 'https://api.example/webhooks/duo-node',
      WEBHOOK_SECRET: SECRET,
    },
    refused: [
      EMULATOR,
      ['SIGPAIR_INTERNAL_URL', 'http://10.0.0.5:8081', 'https:'],
      ['WEBHOOK_URL', 'http://api.example/webhooks/duo-node', 'https:'],
    ],
  },
  functions: {
    read: readFunctionsConfig,
    env: {
      ...FIRESTORE,
      ISSUERS: issuers('https://issuer.example'),
      SIGNING_KEY_FILE: 'functions.jwk',
      DUO_NODE_URL: 'wss://duo-node.internal',
      SIGPAIR_URL: 'wss://sigpair.example',
      CHAINS: '{}',
    },
    refused: [
      EMULATOR,
      ['ISSUERS', issuers('http://issuer.example'), 'TLS'],
      ['ISSUERS', issuers('https://127.0.0.1:3002'), 'this machine'],
      ['ISSUERS', issuers('https://issuer.example', 'http://issuer.example/jwks'), 'TLS'],
      ['DUO_NODE_URL', 'ws://10.0.0.6:3001', 'wss:'],
      ['DUO_NODE_URL', 'http://duo-node.internal', 'https:'],
      ['SIGPAIR_URL', 'ws://sigpair.example', 'wss:'],
      ['SIGPAIR_URL', 'ws://127.0.0.1:8080', 'wss:'],
      ['LIMITS', '{"sign":11}', 'looser.*sign'],
      ['LIMITS', '{"backup":null}', 'looser.*backup'],
    ],
  },
}

describe.each(Object.entries(SERVICES))('%s', (_, { read, env, refused }) => {
  test('is in production unless it is told otherwise', () => {
    expect(() => read(env)).not.toThrow()
    expect(() => read({ ...env, MODE: 'production' })).not.toThrow()
    expect(() => read({ ...env, MODE: 'prod' })).toThrow(/MODE:/)
  })

  test.each(refused)(
    'production refuses %s=%s by name and without its value; development does not',
    (name, value, why) => {
      const wrong = { ...env, [name]: value }
      for (const mode of [{}, { MODE: 'production' }]) {
        const reading = () => read({ ...wrong, ...mode })
        expect(reading).toThrow(ConfigError)
        expect(reading).toThrow(new RegExp(`  ${name}: .*${why}`))
        expect(reading).toThrow(/MODE=development/)
        expect(reading).not.toThrow(value)
      }
      expect(() => read({ ...wrong, MODE: 'development' })).not.toThrow()
    },
  )

  test('all that is refused is named at once', () => {
    const wrong = { ...env, ...Object.fromEntries(refused.map(([name, value]) => [name, value])) }
    const names = [...new Set(refused.map(([name]) => name))]
    for (const name of names) expect(() => read(wrong)).toThrow(`  ${name}: `)
  })

  test('development does not run where real users are', () => {
    expect(() => read({ ...env, MODE: 'development', K_SERVICE: 'x' })).toThrow(/MODE.*K_SERVICE/)
    expect(() => read({ ...env, K_SERVICE: 'x' })).not.toThrow()
  })
})

test('inside one machine our services need no TLS', () => {
  const duoNode = { ...SERVICES['duo-node']!.env, SIGPAIR_INTERNAL_URL: 'http://127.0.0.1:8081' }
  expect(() => readDuoNodeConfig({ ...duoNode, WEBHOOK_URL: 'http://[::1]:3000/webhooks/duo-node' })).not.toThrow()
  const functions = { ...SERVICES['functions']!.env, DUO_NODE_URL: 'ws://localhost:3001' }
  expect(() => readFunctionsConfig(functions)).not.toThrow()
})

test('the two databases of Sigpair are two', () => {
  const { env } = SERVICES['sigpair']!
  expect(readSigpairConfig(env).stores).toMatchObject({
    parties: { databaseId: 'parties' },
    presignatures: { databaseId: 'presignatures' },
  })
  expect(() => readSigpairConfig({ ...env, FIRESTORE_PRESIGNATURES_DATABASE: 'parties' })).toThrow(ConfigError)
})
