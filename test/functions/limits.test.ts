import type { CreateProfileResponse } from '@tandem/wire'
import { readFunctionsConfig } from '../../functions/src/config.ts'
import { bucketsOf } from '../../functions/src/limits.ts'
import { type Anvil, startAnvil } from './anvil.ts'
import { freshShare, prepare, profileRequest, sign, startWorld, type Wallet, type World } from './world.ts'

/** With the numbers of seed 003, as production has them. */
let anvil: Anvil
let world: World
let wallet: Wallet

beforeAll(async () => {
  anvil = await startAnvil()
  world = await startWorld(anvil.url, { buckets: bucketsOf() })
  wallet = await world.createWallet('ada')
  await anvil.fund(wallet.address)
})
afterAll(async () => {
  await world.close()
  await anvil.stop()
})

const limitsOf = ({ headers }: { readonly headers: Headers }) => ({
  policy: headers.get('ratelimit-policy'),
  left: headers.get('ratelimit'),
  wait: headers.get('retry-after'),
})

const times = <T>(count: number, act: (i: number) => Promise<T>) =>
  Array.from({ length: count }).reduce<Promise<T[]>>(
    async (done, _, i) => [...(await done), await act(i)],
    Promise.resolve([]),
  )

/** A session that was never prepared: an attempt that Sigpair never hears of, and that counts like any other. */
const attempt = (
  user: string,
  headers: object = {},
  i = Math.floor(Math.random() * 1e9),
  api: Pick<World, 'call'> = world,
) => {
  const sessionId = `ses_${String(i).padStart(22, '0')}`
  return api.call(user, 'POST', '/api/v1/mpc/sign', { sessionId, p1SignatureShare: freshShare() }, headers)
}

test('ten signatures a minute: the eleventh waits, and is told how long', async () => {
  const prepared = await times(11, () => prepare(world, wallet))
  const answers = []
  for (const { sessionId } of prepared) answers.push(await sign(world, wallet, sessionId))
  expect(answers.map(({ status }) => status)).toEqual([...Array<number>(10).fill(200), 429])
  expect(limitsOf(answers[0]!)).toEqual({ policy: '"sign";q=10;w=60', left: '"sign";r=9;t=60', wait: null })

  const refused = answers[10]!
  expect(refused.body).toEqual({
    error: 'RATE_LIMITED',
    message: 'Too many requests; wait for Retry-After seconds.',
    statusCode: 429,
    details: 'sign',
    requestId: expect.any(String),
  })
  const { policy, left, wait } = limitsOf(refused)
  expect(policy).toBe('"sign";q=10;w=60')
  expect(left).toBe(`"sign";r=0;t=${wait}`)
  expect(Number(wait)).toBeGreaterThan(0)
  expect(Number(wait)).toBeLessThanOrEqual(60)

  // what was signed is answered again; what was refused was not signed, and its share reached nobody
  expect((await sign(world, wallet, prepared[3]!.sessionId)).status).toBe(200)
  expect(world.keys.sessions.get(prepared[10]!.sessionId)?.signature).toBeUndefined()
  expect((await attempt('bob')).body.error).toBe('NOT_FOUND')
})

test('no header, no other instance and no burst gives one user more', async () => {
  const other = await world.anotherApi()
  const spoof = (i: number) => ({
    'x-forwarded-for': `10.0.0.${i}`,
    forwarded: `for=10.0.0.${i}`,
    'x-real-ip': `10.0.0.${i}`,
  })
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, i) => attempt('burst', spoof(i), i, i % 2 === 0 ? world : other)),
  )
  const statuses = answers.map(({ status }) => status)
  expect(statuses.filter((status) => status === 404)).toHaveLength(10)
  expect(statuses.filter((status) => status === 429)).toHaveLength(14)
})

test('a repetition counts once, by its session as by its Idempotency-Key', async () => {
  const key = world.keys.addKey(world.issuer.userOf('cleo'))
  const body = profileRequest(key)
  const create = (headers = {}) => world.call<CreateProfileResponse>('cleo', 'POST', '/api/v2/profiles', body, headers)
  expect(limitsOf(await create()).left).toMatch(/^"key";r=4;/)
  expect(limitsOf(await create()).left).toMatch(/^"key";r=4;/)
  await create({ 'idempotency-key': 'once' })
  expect((await create({ 'idempotency-key': 'once' })).status).toBe(201)
  expect(limitsOf(await create()).left).toMatch(/^"key";r=4;/)
})

test('five new keys an hour', async () => {
  const create = () => {
    const key = world.keys.addKey(world.issuer.userOf('dora'))
    return world.call('dora', 'POST', '/api/v2/profiles', profileRequest(key))
  }
  const statuses = (await times(6, create)).map(({ status }) => status)
  expect(statuses).toEqual([201, 201, 201, 201, 201, 429])
})

test('a request that is not of the documented form costs nothing', async () => {
  await times(12, () => world.call('fay', 'POST', '/api/v1/mpc/sign', { sessionId: 'no' }))
  expect((await attempt('fay')).status).toBe(404)
})

test('thirty tickets for new keys an hour, and thirty of the others a minute beside them', async () => {
  const deviceKey = {
    identity: `0x${'0a'.repeat(32)}`,
    exchange: `0x${'0b'.repeat(32)}`,
    certificate: `0x${'0c'.repeat(64)}`,
  }
  const keygen = () => world.call('gus', 'POST', '/api/v1/mpc/tickets', { operation: 'keygen', deviceKey })
  const answers = await times(31, keygen)
  expect(answers.map(({ status }) => status)).toEqual([...Array<number>(30).fill(200), 429])
  expect(limitsOf(answers[30]!).policy).toBe('"key-tickets";q=30;w=3600')

  const presign = () =>
    world.call('gus', 'POST', '/api/v1/mpc/tickets', { operation: 'presign', keyId: wallet.key.keyId })
  expect(limitsOf(await presign())).toMatchObject({ policy: '"tickets";q=30;w=60', left: '"tickets";r=29;t=60' })
})

test('a dialogue that signs counts as a signature, and its commit not again', async () => {
  const signer = await world.createWallet('hal')
  await anvil.fund(signer.address)
  const prepared = await times(11, () => prepare(world, signer))
  const ticket = (sessionId: string) =>
    world.call('hal', 'POST', '/api/v1/mpc/tickets', { operation: 'sign', keyId: signer.key.keyId, sessionId })
  const first = await ticket(prepared[0]!.sessionId)
  expect(limitsOf(first)).toEqual({
    policy: '"tickets";q=30;w=60, "sign";q=10;w=60',
    left: '"tickets";r=29;t=60, "sign";r=9;t=60',
    wait: null,
  })
  expect(limitsOf(await sign(world, signer, prepared[0]!.sessionId)).left).toMatch(/^"sign";r=9;/)

  await times(9, (i) => ticket(prepared[i + 1]!.sessionId))
  const refused = await ticket(prepared[10]!.sessionId)
  expect(refused).toMatchObject({ status: 429, body: { details: 'sign' } })
  expect(limitsOf(refused).left).toMatch(/^"tickets";r=19;t=\d+, "sign";r=0;t=\d+$/)
})

const env = {
  ISSUERS:
    '[{"issuer":"https://issuer.example","audience":"tandem","jwksUrl":"https://issuer.example/jwks","algorithms":["ES256"]}]',
  STORE_PATH: 'b.sqlite',
  SIGNING_KEY_FILE: 'f.jwk',
  DUO_NODE_URL: 'http://127.0.0.1:1/',
  SIGPAIR_URL: 'wss://sigpair.example',
  CHAINS: '{}',
}

test('production takes stricter numbers and refuses looser ones', () => {
  expect(readFunctionsConfig(env).buckets).toMatchObject({
    sign: { limit: 10, windowMs: 60_000 },
    key: { limit: 5, windowMs: 3_600_000 },
    backup: { limit: 3, windowMs: 86_400_000 },
  })
  expect(readFunctionsConfig({ ...env, LIMITS: '{"sign":5}' }).buckets.sign).toMatchObject({ limit: 5 })
  expect(() => readFunctionsConfig({ ...env, LIMITS: '{"sign":11,"key":null}' })).toThrow(/looser.*: sign, key/)
  expect(() => readFunctionsConfig({ ...env, LIMITS: '{"sgin":5}' })).toThrow(/LIMITS/)
})

test('development may lift limits, and does not run where users are', () => {
  const development = { ...env, MODE: 'development', LIMITS: '{"sign":null}' }
  expect(readFunctionsConfig(development).buckets.sign).toBeNull()
  expect(() => readFunctionsConfig({ ...development, K_SERVICE: 'functions' })).toThrow(/K_SERVICE/)
})
