import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createLog, handle, issueServiceToken, listen, type Serving } from '@tandem/service'
import { openSqlite, ref } from '@tandem/store'
import { readFunctionsConfig } from '../../functions/src/config.ts'
import { jobName } from '../../functions/src/jobs/jobs.ts'
import { createJobs, jobRoute } from '../../functions/src/jobs/serve.ts'
import { type TestIssuer, testIssuer } from '../functions/issuer.ts'
import { tokenFor } from './backend-calls.ts'
import { type EventWorld, keyIdOf, openEventWorld, until } from './event-world.ts'

const SCHEDULER = 'tandem-scheduler@demo.iam.gserviceaccount.com'
const AUDIENCE = 'https://jobs.example'

let world: EventWorld
let issuer: TestIssuer
let serving: Serving
let nodeUrl: string

beforeEach(async () => {
  world = await openEventWorld()
  issuer = await testIssuer()
  // its own timer looks once now, and then not again
  nodeUrl = (await world.start({ pollMs: 3_600_000 })).url
  serving = await listen(createJobs(configOf(nodeUrl)), { name: 'jobs', host: '127.0.0.1', port: 0 })
})
afterEach(async () => {
  serving.cut()
  await serving.close()
  await issuer.close()
  await world.close()
})

function configOf(duoNodeUrl: string, change: object = {}) {
  const { issuer: name, jwksUrl, algorithms } = issuer.row
  return readFunctionsConfig({
    ISSUERS: JSON.stringify([issuer.row]),
    JOBS_CALLER: JSON.stringify({ issuer: name, jwksUrl, algorithms, audience: AUDIENCE, email: SCHEDULER }),
    MODE: 'development',
    STORE_PATH: join(world.directory, 'backend.sqlite'),
    SIGNING_KEY_FILE: join(world.directory, 'functions.jwk'),
    SECRETS_KEY_FILE: join(world.directory, 'secrets.key'),
    DUO_NODE_URL: duoNodeUrl.replace('http', 'ws'),
    SIGPAIR_URL: 'ws://127.0.0.1:1',
    CHAINS: '{}',
    LOG_LEVEL: 'silent',
    ...change,
  })
}

const schedulerToken = async (change: object = {}) =>
  issuer.tokenOf('1234', { aud: AUDIENCE, email: SCHEDULER, email_verified: true, ...change })

async function run(job: string, token?: string, port = serving.port) {
  const authorization = `Bearer ${token ?? (await schedulerToken())}`
  const answer = await fetch(`http://127.0.0.1:${port}/jobs/${job}`, { method: 'POST', headers: { authorization } })
  return { status: answer.status, body: (await answer.json()) as Readonly<Record<string, unknown>> }
}

const done = (job: string) => ({ status: 200, body: { job, status: 'done', failed: [] } })

test('the scheduler may, by issuer, audience and account; nobody else', async () => {
  expect(await run('sweep-keys')).toEqual(done('sweep-keys'))
  const stranger = await testIssuer()
  const refused: Readonly<Record<string, string>> = {
    'another audience': await schedulerToken({ aud: 'tandem' }),
    'no audience': await schedulerToken({ aud: undefined }),
    'another issuer': await stranger.tokenOf('1234', { aud: AUDIENCE, email: SCHEDULER, email_verified: true }),
    'the issuer’s name only': await stranger.tokenOf('1234', {
      iss: issuer.row.issuer,
      aud: AUDIENCE,
      email: SCHEDULER,
    }),
    'a token that is over': await schedulerToken({ exp: Math.floor(Date.now() / 1000) - 60 }),
    'what Cloud Run leaves of a token': `${(await schedulerToken()).split('.', 2).join('.')}.SIGNATURE_REMOVED_BY_GOOGLE`,
    nothing: 'x',
  }
  await stranger.close()
  for (const [what, token] of Object.entries(refused)) {
    expect([what, await run('sweep-keys', token)]).toMatchObject([
      what,
      { status: 401, body: { error: 'UNAUTHENTICATED' } },
    ])
  }
  for (const change of [{ email: 'mallory@demo.example' }, { email_verified: false }, { email: undefined }]) {
    expect(await run('sweep-keys', await schedulerToken(change))).toMatchObject({
      status: 403,
      body: { error: 'FORBIDDEN' },
    })
  }
  expect(world.maintained).toEqual(['sweep-keys'])
})

test('an issuer that knows no addresses is trusted by subject', async () => {
  const { issuer: name, jwksUrl, algorithms } = issuer.row
  const caller = { issuer: name, jwksUrl, algorithms, audience: AUDIENCE, subject: 'cron' }
  const own = await listen(createJobs(configOf(nodeUrl, { JOBS_CALLER: JSON.stringify(caller) })), {
    name: 'jobs',
    host: '127.0.0.1',
    port: 0,
  })
  expect(await run('sweep-backend', await issuer.tokenOf('cron', { aud: AUDIENCE }), own.port)).toEqual(
    done('sweep-backend'),
  )
  expect((await run('sweep-backend', await schedulerToken(), own.port)).status).toBe(403)
  own.cut()
  await own.close()
})

test('without JOBS_CALLER there are no jobs, and a job that is none is not found', async () => {
  const none = await listen(createJobs(configOf(nodeUrl, { JOBS_CALLER: '' })), {
    name: 'jobs',
    host: '127.0.0.1',
    port: 0,
  })
  expect((await run('sweep-keys', undefined, none.port)).status).toBe(404)
  none.cut()
  await none.close()
  expect((await run('pay-me')).status).toBe(400)
})

test('every job may be asked for as often as anybody likes, by several at once', async () => {
  for (const job of jobName.options.filter((name) => name !== 'sign-checkpoints')) {
    expect(await Promise.all([run(job), run(job)])).toEqual([done(job), done(job)])
    expect(await run(job)).toEqual(done(job))
  }
})

test('events leave without duo-node’s own timer, once each', async () => {
  await until(async () => (await world.pending()).length === 0)
  const events = [await world.tell(keyIdOf(1), 'key.pending'), await world.tell(keyIdOf(1), 'key.ready')]
  for (let i = 0; i < 2; i++) expect(await run('deliver-events')).toEqual(done('deliver-events'))
  expect(world.backend.arrivals.map(({ id }) => id)).toEqual(events.map(({ id }) => id))
  expect(await world.pending()).toEqual([])
})

test('what failed in part is asked for again, and what cannot be done now too', async () => {
  expect(await run('sign-checkpoints')).toEqual(done('sign-checkpoints'))
  expect(await run('sign-checkpoints')).toMatchObject({
    status: 503,
    body: { error: 'UNAVAILABLE', details: 'failed in part: kms' },
  })
  await world.sigpairDown()
  for (const job of ['sweep-keys', 'deliver-events']) {
    expect(await run(job)).toMatchObject({ status: 503, body: { error: 'UNAVAILABLE' } })
  }
})

test('expired documents of the backend leave the disk', async () => {
  const path = join(world.directory, 'backend.sqlite')
  const store = openSqlite({ path, clock: () => 1_000 })
  for (let i = 0; i < 3; i++) await store.create(ref('idempotency', `${i}`), { answer: null }, { expireAt: 2_000 })
  await store.close()
  expect(await run('sweep-backend')).toEqual(done('sweep-backend'))
  const later = openSqlite({ path, clock: () => 1_000 })
  expect((await later.list('idempotency', { limit: 10 })).docs).toEqual([])
  await later.close()
})

test('a job leaves one line that says how it ended', async () => {
  const lines: string[] = []
  const log = createLog({ name: 'test', level: 'info', destination: { write: (line) => void lines.push(line) } })
  const act = async () => ({ status: 'done', failed: ['stages'] }) as const
  const work = Object.fromEntries(jobName.options.map((name) => [name, act])) as never
  const route = jobRoute(
    async () => undefined,
    async () => work,
  )
  const own = await listen(handle([route], { log, hosts: ['127.0.0.1'] }), { name: 'jobs', host: '127.0.0.1', port: 0 })
  await run('sweep-keys', 'x', own.port)
  own.cut()
  await own.close()
  expect(lines.map((line) => JSON.parse(line) as object)).toContainEqual(
    expect.objectContaining({
      event: 'job',
      job: 'sweep-keys',
      status: 'done',
      failed: ['stages'],
      ms: expect.any(Number),
    }),
  )
})

test('duo-node does none of it for a user, nor without a token', async () => {
  const ask = async (token: string) =>
    (await fetch(`${nodeUrl}/admin/jobs/sweep-keys`, { method: 'POST', headers: { authorization: `Bearer ${token}` } }))
      .status
  const sent = { method: 'POST', path: '/admin/jobs/sweep-keys' }
  expect(await ask(await tokenFor(world.key, sent))).toBe(403)
  expect(await ask(randomBytes(8).toString('hex'))).toBe(401)
  const token = await tokenFor(world.key, sent, { subject: 'system' })
  expect([await ask(token), await ask(token)]).toEqual([200, 401])
  const wrong = { issuer: 'functions', subject: 'system', audience: ['sigpair'] }
  expect(await ask(await issueServiceToken(world.key, wrong, { ...sent, body: new Uint8Array() }))).toBe(401)
})
