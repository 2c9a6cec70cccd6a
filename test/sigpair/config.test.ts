import { createSigningKey } from '@tandem/service'
import { limits } from '@tandem/wire'
import { readSigpairConfig } from '../../sigpair/src/config.ts'

const { publicJwk } = await createSigningKey()
const KEYS = JSON.stringify([publicJwk])
const KMS_KEY = 'projects/p/locations/global/keyRings/r/cryptoKeys/k'
const MINIMAL = { DATA_DIRECTORY: '/data', KMS_KEY, FUNCTIONS_KEYS: KEYS, DUO_NODE_KEYS: KEYS }

test('four variables are enough, and everything then stays on loopback', () => {
  const config = readSigpairConfig(MINIMAL)
  expect(config).toMatchObject({ role: 'both', host: '127.0.0.1', port: 8080, internalPort: 8081, proxies: 0 })
  expect(readSigpairConfig({ ...MINIMAL, HOST: '0.0.0.0' }).internalHost).toBe('127.0.0.1')
  expect(config.kms).toEqual({ keyName: KMS_KEY })
  expect(config.functionsKeys).toEqual([publicJwk])
  expect(config.deadlines).toMatchObject({ roundMs: limits.ROUND_MS, dialogueMs: limits.DIALOGUE_MS })
})

test('nothing set names every variable that is needed', () => {
  const message = /KMS_KEY[^]*FUNCTIONS_KEYS[^]*DUO_NODE_KEYS[^]*DATA_DIRECTORY/
  expect(() => readSigpairConfig({})).toThrow(message)
})

test.each([
  ['SIGPAIR_ROLE', 'all'],
  ['PORT', '70000'],
  ['INTERNAL_PORT', '-1'],
  ['KMS_KEY', 'shares'],
  ['KMS_ENDPOINT', 'kms.example'],
  ['FUNCTIONS_KEYS', '[]'],
  ['DUO_NODE_KEYS', '{'],
  ['MAX_DIALOGUES', '0'],
  ['THREADS', 'many'],
  ['TRUSTED_PROXIES', '-1'],
  ['LOG_LEVEL', 'chatty'],
])('%s=%s is refused by name', (name, value) => {
  expect(() => readSigpairConfig({ ...MINIMAL, [name]: value })).toThrow(`${name}:`)
})

test('a private key is not taken for a public one, and does not appear in the message', () => {
  const wrong = JSON.stringify([{ ...publicJwk, d: 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I' }])
  expect(() => readSigpairConfig({ ...MINIMAL, FUNCTIONS_KEYS: wrong })).toThrow(/FUNCTIONS_KEYS(?!.*c2VjcmV0)/)
})

test('data keys travel in the clear to this machine only', () => {
  const kmsAt = (KMS_ENDPOINT: string) => readSigpairConfig({ ...MINIMAL, MODE: 'development', KMS_ENDPOINT }).kms
  expect(kmsAt('http://127.0.0.1:9010')).toMatchObject({ endpoint: '127.0.0.1', port: 9010, insecure: true })
  expect(kmsAt('https://kms.example')).toMatchObject({ endpoint: 'kms.example', port: 443, insecure: false })
  expect(() => kmsAt('http://10.0.0.1:9010')).toThrow('loopback')
})

describe('a KMS whose keys are a file', () => {
  const local = { ...MINIMAL, KMS_ENDPOINT: 'http://127.0.0.1:9010' }
  const allowed = { ...local, ALLOW_FILE_KMS: 'yes-i-understand' }

  test('is taken in production only by those who say that they understand', () => {
    expect(() => readSigpairConfig(local)).toThrow('KMS_ENDPOINT')
    expect(() => readSigpairConfig({ ...local, ALLOW_FILE_KMS: 'true' })).toThrow('ALLOW_FILE_KMS')
    expect(readSigpairConfig(allowed).kms).toMatchObject({ endpoint: '127.0.0.1', insecure: true })
  })

  test('is not taken on Cloud Run, and never in the clear from another machine', () => {
    const onCloudRun = { ...allowed, K_SERVICE: 'sigpair', STORE_VOLUME: '/data' }
    expect(() => readSigpairConfig(onCloudRun)).toThrow('ALLOW_FILE_KMS: not on Cloud Run')
    expect(() => readSigpairConfig({ ...allowed, KMS_ENDPOINT: 'http://10.0.0.1:9010' })).toThrow('loopback')
  })
})
