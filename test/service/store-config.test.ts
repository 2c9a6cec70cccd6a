import { ConfigError, databaseVariable, neededBy, readConfig, storeConfig, storeVariables } from '@tandem/service'
import { z } from 'zod'

type Env = Readonly<Record<string, string>>

/** As a service reads it. */
function read(env: Env) {
  const schema = z.object({
    ...storeVariables(env),
    K_SERVICE: z.string().optional(),
    STORE_PATH: neededBy('sqlite', env, z.string().meta({ example: 'b.sqlite' })),
    FIRESTORE_DATABASE: databaseVariable('backend'),
  })
  const given = readConfig(schema, env)
  return storeConfig(given, { path: given.STORE_PATH, databaseId: given.FIRESTORE_DATABASE })
}

test('without a word it is SQLite, in the file that is then needed', () => {
  expect(read({ STORE_PATH: '/data/b.sqlite' })).toEqual({ kind: 'sqlite', path: '/data/b.sqlite' })
  expect(() => read({})).toThrow('STORE_PATH: is not set, for example STORE_PATH=b.sqlite')
})

test('Firestore needs a project and no file', () => {
  const firestore = { STORE: 'firestore', FIRESTORE_PROJECT: 'wallet-production' }
  const expected = { kind: 'firestore', projectId: 'wallet-production', databaseId: 'backend' }
  expect(read(firestore)).toEqual(expected)
  expect(read({ ...firestore, FIRESTORE_DATABASE: 'other' })).toEqual({ ...expected, databaseId: 'other' })
  expect(() => read({ STORE: 'firestore' })).toThrow(/FIRESTORE_PROJECT: is not set.*FIRESTORE_PROJECT=wallet/)
})

test('an emulator has a project that no real one is', () => {
  const emulated = { STORE: 'firestore', FIRESTORE_PROJECT: 'demo-test', FIRESTORE_EMULATOR_HOST: '127.0.0.1:8088' }
  expect(read(emulated)).toMatchObject({ projectId: 'demo-test', emulatorHost: '127.0.0.1:8088' })
  expect(() => read({ ...emulated, FIRESTORE_PROJECT: 'wallet-production' })).toThrow(/FIRESTORE_PROJECT.*demo-/)
})

test.each([
  ['STORE', 'mysql'],
  ['FIRESTORE_PROJECT', 'Not A Project'],
  ['FIRESTORE_DATABASE', '../parties'],
  ['FIRESTORE_EMULATOR_HOST', 'http://127.0.0.1'],
])('%s=%s is refused by name, and not repeated', (name, value) => {
  const wrong = () => read({ STORE: 'firestore', FIRESTORE_PROJECT: 'demo-test', [name]: value })
  expect(wrong).toThrow(`${name}:`)
  expect(wrong).not.toThrow(value)
})

describe('on Cloud Run', () => {
  const file = { K_SERVICE: 'sigpair', STORE_PATH: '/mnt/data/b.sqlite' }

  test('a file on its disk is refused, with the way out', () => {
    expect(() => read(file)).toThrow(ConfigError)
    expect(() => read(file)).toThrow(/STORE: .*use Firestore, or name the mounted volume in STORE_VOLUME/)
    expect(() => read({ ...file, STORE_VOLUME: '/mnt/other' })).toThrow(ConfigError)
  })

  test('a file on a mounted volume is taken, and Firestore', () => {
    expect(read({ ...file, STORE_VOLUME: '/mnt/data' })).toMatchObject({ kind: 'sqlite' })
    const firestore = { STORE: 'firestore', FIRESTORE_PROJECT: 'wallet-production' }
    expect(read({ ...firestore, K_SERVICE: 'sigpair' })).toMatchObject({ kind: 'firestore' })
  })
})
