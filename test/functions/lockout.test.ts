import { openSqlite, type Store } from '@tandem/store'
import { lockout } from '../../functions/src/ports/lockout.ts'

const MINUTE = 60_000
let now = 1_000_000
let store: Store
beforeEach(() => {
  now = 1_000_000
  store = openSqlite({ path: ':memory:', clock: () => now })
})
afterEach(() => store.close())

const compare = (right: boolean) => lockout(store, () => now)('ada', async () => right)
const outcome = (right: boolean) =>
  compare(right).then(
    () => 'right',
    (error: { readonly code: string; readonly retryAfter?: number }) => error.retryAfter ?? error.code,
  )
const wrong = async (count: number) => {
  for (let i = 0; i < count; i++) expect(await outcome(false)).toBe('TWO_FACTOR_INVALID')
}

test('five wrong codes lock for a quarter of an hour, the next five for twice as long, and so on', async () => {
  for (const minutes of [15, 30, 60, 120]) {
    await wrong(5)
    expect(await outcome(true)).toBe(minutes * 60)
    now += minutes * MINUTE - 1
    expect(await outcome(true)).toBe(1)
    now += 1
  }
  expect(await outcome(true)).toBe('right')
  await wrong(5)
  expect(await outcome(true)).toBe(15 * 60)
})

test('a right code clears the count, also as the fifth', async () => {
  await wrong(4)
  expect(await outcome(true)).toBe('right')
  await wrong(4)
  expect(await outcome(true)).toBe('right')
})

test('an attempt is charged before it is compared', async () => {
  const refused = Promise.withResolvers<void>()
  let [comparing, refusals] = [0, 0]
  const attempt = () =>
    lockout(store, () => now)('ada', () => {
      comparing += 1
      return new Promise<boolean>(() => {})
    })
  for (let i = 0; i < 8; i++) {
    attempt().catch(() => {
      refusals += 1
      if (refusals === 3) refused.resolve()
    })
  }
  await refused.promise
  expect(comparing).toBe(5)
})
