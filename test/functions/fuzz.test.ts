import { createHash } from 'node:crypto'
import { openStore } from '@tandem/store'
import type { Problem } from '@tandem/wire'
import * as fc from 'fast-check'
import { z } from 'zod'
import { apiRoutes } from '../../functions/src/routes.ts'
import { documentedOperations } from '../../functions/src/routes/documents.ts'
import type { Described } from '../../functions/src/operation.ts'
import { startWorld, type Wallet, type World } from './world.ts'
import { field, valueOf } from './schema-values.ts'

/**
 * Every field of every endpoint, wrong in every way its schema makes possible: what comes back is a listed refusal, and
 * nothing has changed.
 */
const SEED = 20_261_121

/** Per field: each is one request. */
const RUNS = 3

let world: World
let wallet: Wallet

beforeAll(async () => {
  world = await startWorld()
  wallet = await world.createWallet('ada')
})
afterAll(() => world.close())

const operations = documentedOperations(
  apiRoutes(() => Promise.reject(new Error('nothing is opened for this'))),
).filter(({ security }) => security === 'user')

const nameOf = ({ method, path }: Described) => `${method} ${path}`
const withBody = operations.flatMap((operation) =>
  operation.body === undefined ? [] : [[nameOf(operation), operation] as const],
)

/** The wallet of `ada` as a URL names it, so that a request gets as far as it can. */
function urlOf({ path }: Described): string {
  return path
    .replace(':id', wallet.profileId)
    .replace(':sessionId', 'ses_AAAAAAAAAAAAAAAAAAAAAA')
    .replace(':batchId', 'bat_AAAAAAAAAAAAAAAAAAAAAA')
    .replace(':exportId', 'exp_AAAAAAAAAAAAAAAAAAAAAA')
    .replace(':restoreId', 'rst_AAAAAAAAAAAAAAAAAAAAAA')
    .replace(':keyId', wallet.key.keyId)
    .replace(':stageId', `0x${'0a'.repeat(32)}`)
    .replaceAll(/:\w+/g, '1')
}

const tokens = new Map<string, Promise<string>>()

function tokenOf(user: string): Promise<string> {
  const token = tokens.get(user) ?? world.issuer.tokenOf(user)
  tokens.set(user, token)
  return token
}

type Refused = { readonly status: number; readonly body: Problem }

async function send({ method }: Described, url: string, body?: string, user = 'ada'): Promise<Refused> {
  const answer = await fetch(`${world.url}${url}`, {
    method,
    headers: { authorization: `Bearer ${await tokenOf(user)}` },
    signal: AbortSignal.timeout(5_000),
    ...(body === undefined ? {} : { body }),
  })
  return { status: answer.status, body: (await answer.json()) as Problem }
}

function expectRefusal(what: object, { status, body }: Refused): void {
  expect({ ...what, status, error: body.error, details: typeof body.details }).toEqual({
    ...what,
    status: 400,
    error: 'VALIDATION_FAILED',
    details: 'string',
  })
}

/** A fingerprint of everything the backend keeps, and of what Sigpair was asked to do. */
async function everything(): Promise<string> {
  const store = await openStore(world.config.store)
  const done = world.keys.calls.filter((call) => call !== 'identity' && call !== 'status')
  const hash = createHash('sha256').update(done.join())
  for (const collection of COLLECTIONS) {
    const { docs } = await store.list(collection, { limit: 1_000 })
    for (const { id, version } of docs) hash.update(`${collection}/${id}@${version}\n`)
  }
  await store.close()
  return hash.digest('hex')
}

const COLLECTIONS = [
  'profiles',
  'sessions',
  'batches',
  'nonces',
  'claims',
  'allowances',
  'deleted-profiles',
  'idempotency',
  'proved-intents',
  'second-factors',
  'second-factor-failures',
  'passkey-challenges',
  'app-attest-challenges',
  'attested-devices',
]

describe.each(withBody)('%s', (_, operation) => {
  const body = operation.body!
  const [good] = fc.sample(valueOf(body), { numRuns: 1, seed: SEED })

  test('refuses each field that is of another form, and changes nothing', async () => {
    const before = await everything()
    for (const { path, wrong } of field(body, good)) {
      for (const value of fc.sample(wrong, { numRuns: RUNS, seed: SEED })) {
        const text = JSON.stringify(value)
        expectRefusal({ path, text }, await send(operation, urlOf(operation), text))
      }
    }
    expect(await everything()).toBe(before)
  })

  test('refuses what is no such object at all', async () => {
    const before = await everything()
    const texts = ['', 'null', '[]', '0', '"x"', '{', '{"a":1}{', '{"__proto__":{}}', '['.repeat(5_000), '\uFEFF{}']
    for (const text of texts.filter((one) => !accepts(body, one)))
      expectRefusal({ text }, await send(operation, urlOf(operation), text))
    for (const value of fc
      .sample(fc.json({ maxDepth: 3 }), { numRuns: 20, seed: SEED })
      .filter((one) => !accepts(body, one)))
      expectRefusal({ value }, await send(operation, urlOf(operation), value))
    expect(await everything()).toBe(before)
  })

  test('refuses a body above the limit unread, whatever is in it', async () => {
    const text = `{"name":"${'x'.repeat(256 * 1024)}`
    const { status, body: problem } = await send(operation, urlOf(operation), text)
    expect({ status, error: problem.error }).toEqual({ status: 413, error: 'PAYLOAD_TOO_LARGE' })
  })

  test('answers a stranger’s well-formed request in our form', async () => {
    for (const [i, value] of fc.sample(valueOf(body), { numRuns: RUNS, seed: SEED }).entries()) {
      const { status, body: answer } = await send(operation, urlOf(operation), JSON.stringify(value), `stranger ${i}`)
      if (status >= 300) expect({ value, ...answer }).toMatchObject({ statusCode: status, error: expect.any(String) })
      expect({ value, answer, failed: status === 500 }).toEqual({ value, answer, failed: false })
    }
  })
})

function accepts(body: z.ZodType, text: string): boolean {
  try {
    return body.safeParse(JSON.parse(text)).success
  } catch {
    return false
  }
}

const withoutBody = operations.flatMap((operation) =>
  operation.body === undefined ? [[nameOf(operation), operation] as const] : [],
)

test.each(withoutBody)('%s takes no body and no query', async (_, operation) => {
  const { status } = await send(operation, `${urlOf(operation)}?x=1`)
  expect(status).toBe(400)
})

const withPath = operations.flatMap((operation) =>
  operation.path.includes(':') ? [[nameOf(operation), operation] as const] : [],
)

test.each(withPath)('%s refuses ids that are none', async (_, operation) => {
  const before = await everything()
  const [good] =
    operation.body === undefined ? [undefined] : fc.sample(valueOf(operation.body), { numRuns: 1, seed: SEED })
  const ids = fc.sample(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), { numRuns: 30, seed: SEED })
  for (const id of [...ids, '..', '%2e%2e%2f', '%00', 'prf_', `prf_${'A'.repeat(300)}`, 'constructor', '__proto__']) {
    const url = operation.path.replaceAll(/:\w+/g, () => encodeURIComponent(id))
    const { status } = await send(operation, url, good === undefined ? undefined : JSON.stringify(good))
    expect([400, 403, 404]).toContain(status)
  }
  expect(await everything()).toBe(before)
})
