import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readDuoNodeConfig } from '../../duo-node/src/config.ts'
import { readFunctionsConfig } from '../../functions/src/config.ts'
import { jobName } from '../../functions/src/jobs/jobs.ts'
import { readSigpairConfig } from '../../sigpair/src/config.ts'

const ROOT = resolve(import.meta.dirname, '../../infra/terraform')

/** Without terraform there is nothing to ask; where CI is set the check says so. */
const present = spawnSync('terraform', ['version']).error === undefined
const withTerraform = present || process.env['CI'] !== undefined ? describe : describe.skip

type Env = Readonly<Record<string, string>>

/** Public keys as they are written into a `.tfvars`, of nobody. */
const key = (letter: string) => ({ kty: 'OKP', crv: 'Ed25519', x: letter.repeat(43), kid: letter.repeat(43) })

const SECRET = `whsec_${'A'.repeat(32)}`

/** Rows of who may do what. */
type Rights = {
  readonly databases: Readonly<Record<string, { readonly part: string; readonly database: string }>>
  readonly keys: Readonly<Record<string, { readonly key: string; readonly role: string }>>
  readonly secrets: Readonly<Record<string, { readonly secret: string }>>
  readonly project: Readonly<Record<string, { readonly role: string }>>
  readonly invokers: Readonly<Record<string, string | null>>
}

const bare = (role: string) => role.replace('roles/', '')

/** What the deployment adds to the environment by itself. */
const ON_CLOUD_RUN = { K_SERVICE: 'x' }

/** Where Sigpair's variables are written down. */
const SIGPAIRS_VARIABLES = ['config', 'listeners', 'seal/kms-config'].map((name) => `sigpair/src/${name}.ts`)

withTerraform.each(['dev', 'prod'])('the environment of %s', (environment) => {
  let scratch: string
  let env: Readonly<Record<'sigpair-device' | 'sigpair-internal' | 'rewrap' | 'duo-node' | 'functions', Env>>

  /** The policy alone, with the values of the environment: it needs no provider. */
  function terraform(...args: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync('terraform', [`-chdir=${join(ROOT, 'modules/policy')}`, ...args], {
      encoding: 'utf8',
      env: { ...process.env, TF_DATA_DIR: scratch, CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1', ...values() },
    })
    if (status !== 0) throw new Error(`${stdout}${stderr}`)
    return stdout
  }

  const values = () => {
    const { databases } = JSON.parse(readFileSync(join(ROOT, 'collections.generated.json'), 'utf8')) as {
      databases: unknown
    }
    return { TF_VAR_project_number: '123456789012', TF_VAR_databases: JSON.stringify(databases) }
  }

  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'tandem-terraform-'))
    const state = join(scratch, 'policy.tfstate')
    terraform('init', '-backend=false', '-input=false')
    terraform(
      'apply',
      '-auto-approve',
      '-input=false',
      `-state=${state}`,
      `-var-file=${join(ROOT, `${environment}.tfvars`)}`,
      `-var=functions_keys=${JSON.stringify([key('A')])}`,
      `-var=duo_node_keys=${JSON.stringify([key('B')])}`,
    )
    env = JSON.parse(terraform('output', '-json', `-state=${state}`, 'env')) as typeof env
  }, 30_000)

  afterAll(() => {
    rmSync(scratch, { recursive: true })
  })

  test('comes with the rights that docs/deploy/google-cloud.md says there are', () => {
    const given = JSON.parse(
      terraform('output', '-json', `-state=${join(scratch, 'policy.tfstate')}`, 'access'),
    ) as Rights
    const page = readFileSync(resolve(ROOT, '../../docs/deploy/google-cloud.md'), 'utf8')
    const rights = page.split('\n').filter((line) => line.startsWith('|'))
    const said = (...words: readonly string[]) => rights.some((line) => words.every((word) => line.includes(word)))
    for (const { part } of Object.values(given.databases)) expect(page).toContain(`\`tandem-${part}\``)
    for (const { database } of Object.values(given.databases))
      expect([database, said(database, 'datastore.user')]).toEqual([database, true])
    for (const { key, role } of Object.values(given.keys)) expect([key, said(key, bare(role))]).toEqual([key, true])
    for (const { secret } of Object.values(given.secrets))
      expect([secret, said(secret, 'secretAccessor')]).toEqual([secret, true])
    for (const [part, account] of Object.entries(given.invokers).filter(([, one]) => one !== null))
      expect([part, said(`tandem-${account}`) && said(`service \`tandem-${part}\``, 'run.invoker')]).toEqual([
        part,
        true,
      ])
    for (const { role } of Object.values(given.project))
      expect([role, said('every service', bare(role))]).toEqual([role, true])
  })

  test('has no variable that its service does not read', () => {
    const read = (file: string) => readFileSync(resolve(ROOT, '../..', file), 'utf8')
    const shared = ['mode', 'store-config', 'service-identity']
      .map((name) => read(`shared/service/src/${name}.ts`))
      .join('\n')
    for (const [part, variables] of Object.entries(env)) {
      const own = ['duo-node', 'functions'].includes(part) ? [`${part}/src/config.ts`] : SIGPAIRS_VARIABLES
      const source = shared + own.map(read).join('\n')
      const unread = Object.keys(variables).filter((name) => !source.includes(`  ${name}: `))
      expect([part, unread]).toEqual([part, []])
    }
  })

  test('is one that Sigpair takes in production, in both roles', () => {
    const device = readSigpairConfig({ ...env['sigpair-device'], ...ON_CLOUD_RUN, PORT: '8080' })
    const internal = readSigpairConfig({ ...env['sigpair-internal'], ...ON_CLOUD_RUN, PORT: '8081' })
    expect(device).toMatchObject({ role: 'device', host: '0.0.0.0' })
    expect(internal).toMatchObject({ role: 'internal', internalHost: '0.0.0.0', internalPort: 8081 })
    expect(device.stores).toMatchObject({
      parties: { kind: 'firestore', databaseId: 'parties' },
      presignatures: { kind: 'firestore', databaseId: 'presignatures' },
    })
    expect(device.kms.endpoint).toBeUndefined()
    expect(device.auditKey).toBeDefined()
  })

  test('is one that the job which seals anew takes', () => {
    expect(readSigpairConfig({ ...env.rewrap, ...ON_CLOUD_RUN }).kms.keyName).toMatch(/\/cryptoKeys\/shares$/)
  })

  test('is one that duo-node takes in production', () => {
    const config = readDuoNodeConfig({ ...env['duo-node'], ...ON_CLOUD_RUN, PORT: '3001', WEBHOOK_SECRET: SECRET })
    expect(config).toMatchObject({ store: { kind: 'firestore', databaseId: 'backend' }, host: '0.0.0.0' })
    expect(config.webhooks?.url).toMatch(/^https:\/\/.*\/webhooks\/duo-node$/)
  })

  test('is one that functions takes in production', () => {
    const config = readFunctionsConfig({ ...env.functions, ...ON_CLOUD_RUN, WEBHOOK_SECRETS: SECRET })
    expect(config).toMatchObject({ store: { kind: 'firestore', databaseId: 'backend' }, host: '0.0.0.0' })
  })

  test('is one that the function for jobs takes: the scheduler calls, at the address its token is for', () => {
    const state = `-state=${join(scratch, 'policy.tfstate')}`
    const output = (name: string) => JSON.parse(terraform('output', '-json', state, name)) as unknown
    const { jobs } = output('functions') as { readonly jobs: { readonly env: Env } }
    const { jobs: url } = output('urls') as { readonly jobs: string }
    const given = { ...env.functions, ...jobs.env, ...ON_CLOUD_RUN, WEBHOOK_SECRETS: SECRET }
    const { jobsCaller, hosts } = readFunctionsConfig(given)
    expect(jobsCaller).toMatchObject({ issuer: 'https://accounts.google.com', audience: url })
    expect(hosts).toContain(new URL(url).hostname)
    for (const name of Object.keys(output('jobs') as object)) expect(jobName.options).toContain(name)
    expect(readFunctionsConfig({ ...env.functions, WEBHOOK_SECRETS: SECRET }).jobsCaller).toBeUndefined()
  })

  test('lets everybody be asked under the name that others call him by', () => {
    const hostOf = (url: string) => new URL(url).hostname
    const duoNode = readDuoNodeConfig({ ...env['duo-node'], WEBHOOK_SECRET: SECRET })
    const functions = readFunctionsConfig({ ...env.functions, WEBHOOK_SECRETS: SECRET })
    expect(duoNode.hosts).toContain(hostOf(functions.duoNodeUrl))
    expect(functions.hosts).toContain(hostOf(duoNode.webhooks!.url))
    expect(readSigpairConfig(env['sigpair-internal']).hosts).toContain(hostOf(duoNode.sigpairUrl))
    expect(readSigpairConfig(env['sigpair-device']).hosts).toContain(hostOf(functions.sigpairUrl))
  })
})
