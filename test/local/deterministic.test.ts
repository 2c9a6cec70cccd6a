import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { DEFAULT_SEED, requireDevelopmentChain } from '../../infra/local/src/seeded/deterministic.ts'
import { DEFAULT_PORTS, parseOptions, PORT_FLAGS, type Ports } from '../../infra/local/src/options.ts'
import { seeded } from '../../infra/local/src/seeded/seeded.ts'
import { spawnSigpair } from '../helpers/sigpair.ts'
import { freePort } from '../helpers/stack.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** `npm start` as a user starts it, on ports of its own; what it says. */
async function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const ports: number[] = []
  for (const _ of Object.keys(DEFAULT_PORTS)) ports.push(await freePort(ports))
  const flags = (Object.keys(DEFAULT_PORTS) as (keyof Ports)[]).map(
    (name, i) => `--${PORT_FLAGS[name].flag}=${ports[i]}`,
  )
  const { PATH = '', HOME = '', NODE_COMPILE_CACHE = '' } = process.env
  const command = [join(ROOT, 'infra/local/src/start.ts'), '--once', ...flags, ...args]
  const { stdout } = await promisify(execFile)(process.execPath, command, {
    env: { PATH, HOME, NODE_COMPILE_CACHE, ...env },
  })
  return stdout
}

/** The wallet, two payments and a signature under a text, in the order in which they came to be. */
const madeIn = (said: string) => said.match(/0x[0-9a-fA-F]{32,64}/g) ?? []

describe('npm start -- --deterministic', () => {
  let first: readonly string[]
  beforeAll(async () => {
    first = madeIn(await start(['--deterministic']))
  }, 60_000)

  test('makes the same wallet, payments and signatures on every run', async () => {
    expect(first.length).toBeGreaterThanOrEqual(4)
    expect(madeIn(await start(['--deterministic', '--seed', DEFAULT_SEED]))).toEqual(first)
  }, 60_000)

  test('makes others from another seed', async () => {
    const other = madeIn(await start(['--deterministic', '--seed', 'other']))
    expect(other).toHaveLength(first.length)
    expect(other.filter((made) => first.includes(made))).toEqual([])
  }, 60_000)

  test('says in one line why it refuses', async () => {
    const refused = start(['--deterministic'], { K_SERVICE: 'sigpair' })
    await expect(refused).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^--deterministic .* K_SERVICE is set; unset it, or leave out the flag\n$/),
    })
  })
})

describe('a run with a seed is refused', () => {
  test.each([
    ['on Cloud Run', { K_SERVICE: 'sigpair' }, /K_SERVICE/],
    ['with a project', { GOOGLE_CLOUD_PROJECT: 'wallet-production' }, /GOOGLE_CLOUD_PROJECT/],
    ['with a project by its other name', { GCLOUD_PROJECT: 'wallet-production' }, /GCLOUD_PROJECT/],
    ['with credentials', { GOOGLE_APPLICATION_CREDENTIALS: '/key.json' }, /GOOGLE_APPLICATION_CREDENTIALS/],
    ['with a project of Firestore', { FIRESTORE_PROJECT: 'wallet-production' }, /FIRESTORE_PROJECT/],
    ['with a key ring', { KMS_KEY: 'projects/p/locations/l/keyRings/r/cryptoKeys/k' }, /KMS_KEY/],
    ['with an audit key', { KMS_AUDIT_KEY: 'projects/p' }, /KMS_AUDIT_KEY/],
    ['with a KMS', { KMS_ENDPOINT: 'https://kms.example' }, /KMS_ENDPOINT/],
    ['in production', { MODE: 'production' }, /MODE=production/],
    ['with a chain elsewhere', { CHAIN_URL: 'https://mainnet.example' }, /CHAIN_URL/],
    ['with a chain in the same network', { CHAIN_URL: 'http://192.168.0.7:8545' }, /CHAIN_URL/],
    ['with a chain that is no URL', { CHAIN_URL: 'mainnet' }, /CHAIN_URL/],
    ['with a database that has seen other runs', { FIRESTORE_EMULATOR_HOST: '127.0.0.1:8088' }, /FIRESTORE_EMULATOR/],
  ])('%s', (_, env, why) => {
    expect(() => parseOptions(['--deterministic'], env)).toThrow(why)
    expect(() => parseOptions([], { ...env, FIRESTORE_PROJECT: '' })).not.toThrow()
  })

  test('with a directory that has seen other runs, or with bundles', () => {
    expect(() => parseOptions(['--deterministic', '--directory', '.tandem'], {})).toThrow(/--directory/)
    expect(() => parseOptions(['--deterministic', '--bundles', 'dist'], {})).toThrow(/--bundles/)
  })

  test('on a chain that is worth something, wherever its tunnel ends', () => {
    expect(() => requireDevelopmentChain({ chainId: 31_337 })).not.toThrow()
    expect(() => requireDevelopmentChain({ chainId: 1 })).toThrow(/this is 1/)
  })

  test('without the flag', () => {
    expect(() => parseOptions(['--seed', 'x'], {})).toThrow(/--deterministic/)
    expect(parseOptions([], { SEED: 'x', DETERMINISTIC: '1' }).seed).toBeUndefined()
  })

  test('not on a chain of this machine', () => {
    expect(parseOptions(['--deterministic'], { CHAIN_URL: 'http://localhost:8545' }).seed).toBe(DEFAULT_SEED)
  })
})

describe('no service can be started with a seed', () => {
  const sourcesOf = (folder: string) =>
    readdirSync(join(ROOT, folder, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(folder, 'src', file))
  const textOf = (file: string) => readFileSync(join(ROOT, file), 'utf8')

  test('none of its sources has a seeded generator, or takes one from elsewhere', () => {
    const services = ['sigpair', 'duo-node', 'functions', 'shared/service', 'shared/store', 'shared/ec-native']
    const files = services.flatMap(sourcesOf)
    expect(files.length).toBeGreaterThan(100)
    const suspect = /from '[^']*(infra|@tandem\/local)|\bseeded\b|seedrandom|DETERMINISTIC/
    expect(files.filter((file) => suspect.test(textOf(file)))).toEqual([])
  })

  test('whoever starts one as a process hands over its configuration, and no randomness', () => {
    expect(textOf('sigpair/src/main.ts')).toMatch(/=> startSigpair\(config\)/)
    expect(textOf('duo-node/src/main.ts')).toMatch(/await startDuoNode\(config\)/)
    expect(textOf('functions/src/index.ts')).toMatch(/createApi\(config\)/)
    const hands = /startSigpair\(\w+, |createApi\(\w+, |drawFrom\(/
    const files = ['sigpair', 'duo-node', 'functions', 'infra/local'].flatMap(sourcesOf)
    const handing = files.filter((file) => hands.test(textOf(file).replaceAll(/^export .*$/gm, '')))
    expect(handing.toSorted()).toEqual([
      'infra/local/src/seeded/seeded-worker.ts',
      'infra/local/src/stack/in-process.ts',
    ])
  })

  test('the two that were told everything we could think of are two different parties', async () => {
    const told = { env: { SEED: 'x', RANDOM_SEED: 'x', DETERMINISTIC: 'true', TANDEM_SEED: 'x' } }
    await expect(spawnSigpair({ ...told, args: ['--deterministic', '--seed', 'x'] })).rejects.toThrow('ended before')
    const [one, other] = [await spawnSigpair(told), await spawnSigpair(told)]
    expect(one.sigpairKey).not.toEqual(other.sigpairKey)
    await Promise.all([one.close(), other.close()])
  })
})

test('the seeded thread has every task that Sigpair’s own has', async () => {
  const exported = (file: string) =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(/^export (?:async )?function (\w+)|^export \{([^}]*)\}/gm)]
      .flatMap(([, name, names]) => name ?? names!.split(','))
      .map((name) => name.trim())
      .filter((name) => name !== '')
      .toSorted()
  expect(exported('infra/local/src/seeded/seeded-worker.ts')).toEqual(exported('sigpair/src/compute/worker.ts'))
})

test('a seed is a stream: its bytes do not depend on how they are asked for, and another has others', () => {
  const [one, same, other] = [seeded('a'), seeded('a'), seeded('b')]
  const bytes = one(64)
  expect(Uint8Array.from([...same(32), ...same(32)])).toEqual(bytes)
  expect(other(64)).not.toEqual(bytes)
  expect(one(64)).not.toEqual(bytes)
})
