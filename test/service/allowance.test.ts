import { allowanceHeaders, type Answer, idempotent, spend, spendAllowance } from '@tandem/service'
import { openSqlite, type Store, StoreError } from '@tandem/store'
import { WireError } from '@tandem/wire'

let now = 1_000_000
let store: Store

beforeEach(() => {
  now = 1_000_000
  store = openSqlite({ path: ':memory:', clock: () => now })
})
afterEach(() => store.close())

async function failure(work: Promise<unknown>): Promise<WireError> {
  const error: unknown = await work.then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(WireError)
  return error as WireError
}

test('one of many who spend the same thing has it', async () => {
  const spent = await Promise.all(Array.from({ length: 20 }, () => spend(store, 'tickets', 'jti', now + 1_000)))
  expect(spent.filter((mine) => mine)).toHaveLength(1)
  expect(await spend(store, 'tickets', 'other', now + 1_000)).toBe(true)
})

describe('an allowance', () => {
  const bucket = { name: 'sign', limit: 3, windowMs: 60_000 }
  const take = () => spendAllowance(store, bucket, 'ada', now)

  test('is so many per window, sliding, and says when there is more', async () => {
    expect((await take()).remaining).toBe(2)
    now += 10_000
    expect((await take()).remaining).toBe(1)
    expect((await take()).remaining).toBe(0)
    now += 10_000
    expect(await failure(take())).toMatchObject({ code: 'RATE_LIMITED', details: 'sign', retryAfter: 40 })
    now += 39_999
    expect((await failure(take())).retryAfter).toBe(1)
    now += 1
    expect((await take()).remaining).toBe(0)
    expect((await failure(take())).retryAfter).toBe(10)
  })

  test('is not charged for what it refuses', async () => {
    for (let i = 0; i < 3; i++) await take()
    for (let i = 0; i < 10; i++) await failure(take())
    now += 60_000
    expect((await take()).remaining).toBe(2)
  })

  test('is spent once on the same thing, also when nothing is left', async () => {
    const on = (what: string) => spendAllowance(store, bucket, 'ada', now, what)
    expect((await on('a')).remaining).toBe(2)
    await Promise.all([on('a'), on('b'), on('a'), on('b')])
    expect((await on('a')).remaining).toBe(1)
    await on('c')
    expect((await on('b')).remaining).toBe(0)
    expect((await failure(on('d'))).code).toBe('RATE_LIMITED')
    now += 60_000
    expect((await on('a')).remaining).toBe(2)
  })

  test('is each user’s own, and each bucket’s own', async () => {
    for (let i = 0; i < 3; i++) await take()
    expect((await spendAllowance(store, bucket, 'bob', now)).remaining).toBe(2)
    expect((await spendAllowance(store, { ...bucket, name: 'key' }, 'ada', now)).remaining).toBe(2)
  })

  test('holds for users with long names, and many at once', async () => {
    const user = `https://issuer|${'é'.repeat(490)}`
    const takes = Array.from({ length: 8 }, () => spendAllowance(store, bucket, user, now))
    const results = await Promise.allSettled(takes)
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(3)
  })

  test('is denied when the store cannot decide', async () => {
    const torn = { ...store, transaction: () => Promise.reject(new StoreError('CONFLICT', 'x')) } as Store
    expect(await failure(spendAllowance(torn, bucket, 'ada', now))).toMatchObject({
      code: 'RATE_LIMITED',
      retryAfter: 1,
    })
    const gone = { ...store, transaction: () => Promise.reject(new StoreError('UNAVAILABLE', 'x')) } as Store
    await expect(spendAllowance(gone, bucket, 'ada', now)).rejects.toThrow(StoreError)
  })

  test('shows in headers', async () => {
    expect(allowanceHeaders(await take())).toEqual({
      'ratelimit-policy': '"sign";q=3;w=60',
      ratelimit: '"sign";r=2;t=60',
    })
  })
})

describe('an idempotency key', () => {
  let runs = 0
  beforeEach(() => void (runs = 0))

  const request = (key: string | undefined, body = '{}', user = 'ada', path = '/sign') => ({
    method: 'POST',
    path,
    user,
    headers: key === undefined ? {} : { 'idempotency-key': key },
    rawBody: Buffer.from(body),
  })
  const work = async (): Promise<Answer> => ({ status: 201, body: { run: ++runs } })
  const run = (...args: Parameters<typeof request>) => idempotent(store, request(...args), work, () => now)

  test('runs the work once and repeats its answer for a day', async () => {
    expect(await run('k')).toEqual({ status: 201, body: { run: 1 } })
    now += 23 * 3_600_000
    expect(await run('k')).toEqual({ status: 201, body: { run: 1 } })
    now += 3_600_000
    expect(await run('k')).toEqual({ status: 201, body: { run: 2 } })
  })

  test('belongs to one user and one endpoint', async () => {
    await run('k')
    expect((await run('k', '{}', 'bob')).body).toEqual({ run: 2 })
    expect((await run('k', '{}', 'ada', '/other')).body).toEqual({ run: 3 })
  })

  test('is no matter when it is absent', async () => {
    await run(undefined)
    expect((await run(undefined)).body).toEqual({ run: 2 })
  })

  test('with another body is IDEMPOTENCY_MISMATCH', async () => {
    await run('k')
    expect((await failure(run('k', '{"a":1}'))).code).toBe('IDEMPOTENCY_MISMATCH')
  })

  test('whose first request runs is REQUEST_IN_PROGRESS, until that counts as crashed', async () => {
    const gate = Promise.withResolvers<Answer>()
    const first = idempotent(
      store,
      request('k'),
      () => gate.promise,
      () => now,
    )
    expect((await failure(run('k'))).code).toBe('REQUEST_IN_PROGRESS')
    now += 60_000
    expect((await run('k')).body).toEqual({ run: 1 })
    gate.resolve({ status: 200, body: { late: true } })
    expect((await first).body).toEqual({ late: true })
    expect((await run('k')).body).toEqual({ run: 1 })
  })

  test('of a request that failed is free again', async () => {
    const boom = new WireError('CHAIN_UNAVAILABLE')
    await expect(
      idempotent(
        store,
        request('k'),
        () => Promise.reject(boom),
        () => now,
      ),
    ).rejects.toBe(boom)
    expect((await run('k')).body).toEqual({ run: 1 })
  })

  test.each(['', 'a b', 'é', 'x'.repeat(256)])('cannot be %j', async (key) => {
    expect((await failure(run(key))).code).toBe('VALIDATION_FAILED')
  })

  test('keeps an answer without a body', async () => {
    const empty = () =>
      idempotent(
        store,
        request('k'),
        async () => ({ status: 204 }),
        () => now,
      )
    expect([await empty(), await empty()]).toEqual([{ status: 204 }, { status: 204 }])
  })
})
