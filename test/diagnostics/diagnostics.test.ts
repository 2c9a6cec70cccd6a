import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { createLog, lastWarnings } from '@tandem/service'
import { openSqlite, ref } from '@tandem/store'
import { DESCRIBED, describeEnv } from '../../shared/service/src/diagnostics/config.ts'
import { SQLITE_FILES } from '../../infra/local/src/stack/storage.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** Whatever has this in it came from a variable, a record or a log. */
const SECRET = 'dont-tell'

const directory = mkdtempSync(join(tmpdir(), 'tandem-diagnostics-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** Every variable that some configuration of a service names. */
function variablesInSources(): readonly string[] {
  const folders = ['sigpair', 'duo-node', 'functions', 'shared/service']
  const files = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.startsWith('diagnostics'))
      .map((file) => join(ROOT, folder, 'src', file)),
  )
  const names = files.flatMap((file) =>
    [
      ...readFileSync(file, 'utf8').matchAll(
        /^ {2,4}([A-Z][A-Z_]+): (z$|z\.|env|keys|count|neededBy|database|publicKeys|milliseconds|modes)/gm,
      ),
    ].map(([, name]) => name!),
  )
  return [...new Set(names)].toSorted()
}

test('speaks of every variable that a service reads', () => {
  const read = variablesInSources()
  expect(read).toEqual(expect.arrayContaining(['MODE', 'KMS_KEY', 'STORE_PATH', 'WEBHOOK_SECRET', 'THRESHOLD']))
  expect(read.filter((name) => !DESCRIBED.includes(name))).toEqual([])
})

test('shows no value of a variable but a listed word or a number', () => {
  const planted = Object.fromEntries(DESCRIBED.map((name) => [name, `${SECRET}-${name}`]))
  expect(new Set(Object.values(describeEnv(planted)))).toEqual(new Set(['[set]']))
  expect(describeEnv({ MODE: 'production', PORT: '8080', ORBY_URL: SECRET, HOSTS: '', OTHER: SECRET })).toEqual({
    MODE: 'production',
    PORT: '8080',
    ORBY_URL: '[set]',
  })
})

test('takes of a log what happened and not to whom', () => {
  const lines: string[] = []
  const log = createLog({ name: 'duo-node', level: 'info', destination: { write: (line) => void lines.push(line) } })
  const cause = new TypeError(SECRET, { cause: Object.assign(new Error(SECRET), { name: SECRET, note: SECRET }) })
  log.info({ event: 'request', path: SECRET })
  log.warn({ event: 'webhook.refused', keyId: SECRET, attempts: 3, reason: SECRET, operation: SECRET }, SECRET)
  log.error({ event: SECRET.toUpperCase(), code: 'UNAVAILABLE', status: 503, details: SECRET, cause })
  const warnings = lastWarnings(['not JSON', ...lines, '{"severity":"ERROR","service":"Dont-Tell"}'].join('\n'))
  expect(JSON.stringify(warnings).toLowerCase()).not.toContain(SECRET)
  expect(warnings).toEqual([
    expect.objectContaining({ severity: 'WARNING', service: 'duo-node', event: 'webhook.refused', attempts: 3 }),
    expect.objectContaining({ severity: 'ERROR', code: 'UNAVAILABLE', status: 503, causes: ['TypeError'] }),
    { severity: 'ERROR' },
  ])
})

async function diagnose(service: string, env: Readonly<Record<string, string>>) {
  const { PATH = '' } = process.env
  const program = join(ROOT, service, 'src/diagnose.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [program], { env: { PATH, ...env } })
  return { stdout, report: JSON.parse(stdout) as Readonly<Record<string, unknown>> }
}

test('counts records and names none, and looks at what the service stands on', async () => {
  const path = join(directory, SQLITE_FILES.backend)
  const store = openSqlite({ path })
  for (const id of ['a', 'b']) await store.create(ref('profiles', `${SECRET}-${id}`), { owner: SECRET })
  await store.close()
  const { stdout, report } = await diagnose('duo-node', {
    MODE: 'development',
    STORE_PATH: path,
    SIGNING_KEY_FILE: join(directory, `${SECRET}.jwk`),
    FUNCTIONS_KEYS: JSON.stringify([{ kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43), kid: SECRET.padEnd(43, 'A') }]),
    SIGPAIR_INTERNAL_URL: `http://user:${SECRET}@127.0.0.1:1`,
    WEBHOOK_URL: `http://127.0.0.1:1/${SECRET}`,
    WEBHOOK_SECRET: `whsec_${'A'.repeat(44)}`,
  })
  expect(stdout).not.toContain(SECRET)
  expect(report).toMatchObject({
    service: 'duo-node',
    versions: { node: process.versions.node },
    config: { MODE: 'development', WEBHOOK_SECRET: '[set]' },
    health: { store: 'holds' },
    databases: [{ name: 'backend', engine: 'sqlite', records: { profiles: 2, 'dead-letters': 0 } }],
    process: { rssBytes: expect.any(Number) as number },
  })
})

test('names the variables that are wrong, without what is in them, and creates nothing', async () => {
  const wrong = await diagnose('sigpair', { KMS_KEY: SECRET, DATA_DIRECTORY: join(directory, 'absent') })
  expect(wrong.stdout).not.toContain(SECRET)
  expect(wrong.report['notOpened']).toMatchObject({
    error: 'CONFIGURATION',
    variables: expect.arrayContaining(['KMS_KEY', 'FUNCTIONS_KEYS']) as string[],
  })
  expect(readdirSync(directory)).not.toContain('absent')
})
