import type { EnrolResponse, Problem, RecoveryCodesResponse, SecondFactorResponse } from '@tandem/wire'
import { readFileSync } from 'node:fs'
import { URI } from 'otpauth'
import { bucketsOf } from '../../functions/src/limits.ts'
import { pathOf } from '../helpers/path-of.ts'
import { startWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

const ask = <T>(user: string, name: string, body: object, headers = {}) =>
  world.call<T>(user, 'POST', `/api/v1/2fa/${name}`, body, headers)
const read = async (user: string) => (await world.call<SecondFactorResponse>(user, 'GET', '/api/v1/2fa')).body
const errorOf = async (answer: Promise<{ readonly body: Problem }>) => (await answer).body.error

/** An app that has scanned the code. `at`: steps from now. */
type App = { readonly code: (at?: number) => string }

function scan({ otpauthUrl }: EnrolResponse): App {
  const totp = URI.parse(otpauthUrl)
  if (!('period' in totp)) throw new TypeError('no TOTP')
  return { code: (at = 0) => totp.generate({ timestamp: Date.now() + at * 30_000 }) }
}

/** Enrols with the code of the step before this one, so that this one's is left. */
async function enrolled(user: string) {
  const { body } = await ask<EnrolResponse>(user, 'enrol', {})
  const app = scan(body)
  const confirmed = await ask<RecoveryCodesResponse>(user, 'confirm', { code: app.code(-1) })
  expect(confirmed.status).toBe(200)
  return { app, recoveryCodes: confirmed.body.recoveryCodes }
}

/** Some digits that are right at no time near now. */
function wrongCode(app: App): string {
  const right = new Set([-2, -1, 0, 1, 2].map((at) => app.code(at)))
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !right.has(code))!
}

test('an enrolment shows the secret as URL, text and QR code, and is in force once confirmed', async () => {
  const { body } = await ask<EnrolResponse>('ada', 'enrol', {})
  expect(body.otpauthUrl).toMatch(/^otpauth:\/\/totp\/Tandem:ada\?/)
  expect(body.otpauthUrl).toContain(`secret=${body.secret}`)
  const [type, svg = ''] = body.qrCode.split(',')
  expect(type).toBe('data:image/svg+xml;base64')
  expect(Buffer.from(svg, 'base64').toString()).toMatch(/^<svg [^]*<\/svg>\s*$/)
  expect(await read('ada')).toMatchObject({ enabled: false, totp: false })

  const { body: codes } = await ask<RecoveryCodesResponse>('ada', 'confirm', { code: scan(body).code() })
  expect(new Set(codes.recoveryCodes).size).toBe(10)
  expect(await read('ada')).toEqual({ enabled: true, totp: true, passkeys: [], recoveryCodesLeft: 10 })
})

test.each([
  ['long', 'x'.repeat(200)],
  ['of another script', '漢'.repeat(200)],
  ['cut in the middle of a character', `a${'💥'.repeat(100)}`],
])('a user whose name is %s enrols like any other', async (_, user) => {
  const { status, body } = await ask<EnrolResponse>(user, 'enrol', {})
  expect({ status, error: body.error }).toEqual({ status: 200, error: undefined })
  expect((await ask(user, 'confirm', { code: scan(body).code() })).status).toBe(200)
})

test('a code works once, also at once and at two instances; so does an earlier one after it', async () => {
  const { app } = await enrolled('bea')
  const other = await world.anotherApi()
  const code = app.code()
  const answers = await Promise.all(
    [world, other, world, other].map((api) =>
      api.call('bea', 'POST', '/api/v1/2fa/recovery-codes', { twoFactorCode: code }),
    ),
  )
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(answers.filter(({ body }) => body.error === 'TWO_FACTOR_INVALID')).toHaveLength(3)
  expect(await errorOf(ask('bea', 'recovery-codes', { twoFactorCode: app.code(-1) }))).toBe('TWO_FACTOR_INVALID')
  expect((await ask('bea', 'recovery-codes', { twoFactorCode: app.code(1) })).status).toBe(200)
})

test('what needs the second factor says so without one, and without an enrolment', async () => {
  await enrolled('cleo')
  expect((await ask('cleo', 'enrol', {})).body).toMatchObject({ error: 'TWO_FACTOR_REQUIRED', statusCode: 401 })
  const twoFactorCode = '123456'
  expect((await ask('nobody', 'disable', { twoFactorCode })).body).toMatchObject({
    error: 'TWO_FACTOR_REQUIRED',
    details: 'enrol a second factor first',
  })
})

test('the old secret is in force until the new one is confirmed', async () => {
  const { app } = await enrolled('dora')
  const { body } = await ask<EnrolResponse>('dora', 'enrol', { twoFactorCode: app.code() })
  expect((await ask('dora', 'recovery-codes', { twoFactorCode: app.code(1) })).status).toBe(200)
  const next = scan(body)
  expect((await ask('dora', 'confirm', { code: next.code(-1) })).status).toBe(200)
  expect(await errorOf(ask('dora', 'disable', { twoFactorCode: wrongCode(next) }))).toBe('TWO_FACTOR_INVALID')
  expect((await ask('dora', 'disable', { twoFactorCode: next.code() })).status).toBe(200)
  expect(await read('dora')).toMatchObject({ enabled: false, recoveryCodesLeft: 0 })
})

test('a recovery code works once, and new ones replace all others', async () => {
  const { recoveryCodes } = await enrolled('eve')
  const [first, second, third] = recoveryCodes as [string, string, string]
  const { body } = await ask<RecoveryCodesResponse>('eve', 'recovery-codes', { twoFactorCode: first })
  expect(await errorOf(ask('eve', 'recovery-codes', { twoFactorCode: first }))).toBe('TWO_FACTOR_INVALID')
  expect(await errorOf(ask('eve', 'recovery-codes', { twoFactorCode: second }))).toBe('TWO_FACTOR_INVALID')
  expect((await ask('eve', 'disable', { twoFactorCode: body.recoveryCodes[0] })).status).toBe(200)
  expect(await errorOf(ask('eve', 'disable', { twoFactorCode: third }))).toBe('TWO_FACTOR_REQUIRED')
})

test('another user’s codes are nobody else’s', async () => {
  const { recoveryCodes } = await enrolled('fay')
  await enrolled('gus')
  expect(await errorOf(ask('gus', 'disable', { twoFactorCode: recoveryCodes[0] }))).toBe('TWO_FACTOR_INVALID')
})

test('five wrong codes lock the user out, whichever kind they are and whatever comes next', async () => {
  const { app, recoveryCodes } = await enrolled('hal')
  const wrong = [wrongCode(app), 'AAAA-AAAA-AAAA-AAAA', wrongCode(app), '0000-0000-0000-0000', wrongCode(app)]
  for (const twoFactorCode of wrong)
    expect(await errorOf(ask('hal', 'disable', { twoFactorCode }))).toBe('TWO_FACTOR_INVALID')

  for (const twoFactorCode of [app.code(), recoveryCodes[0]]) {
    const { status, body, headers } = await ask('hal', 'disable', { twoFactorCode })
    expect({ status, details: body.details }).toEqual({ status: 429, details: 'too many wrong codes' })
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(890)
  }
  expect((await read('hal')).enabled).toBe(true)
})

test('a burst of guesses gets five', async () => {
  const { app } = await enrolled('ida')
  const code = wrongCode(app)
  const answers = await Promise.all(Array.from({ length: 12 }, () => ask('ida', 'disable', { twoFactorCode: code })))
  expect(answers.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(5)
  expect(answers.every(({ status }) => status === 401 || status === 429)).toBe(true)
})

test('a wrong confirmation is a wrong code, and nothing can be confirmed that was not begun', async () => {
  expect((await ask('joe', 'confirm', { code: '123456' })).body).toMatchObject({ error: 'VALIDATION_FAILED' })
  const { body } = await ask<EnrolResponse>('joe', 'enrol', {})
  expect(await errorOf(ask('joe', 'confirm', { code: wrongCode(scan(body)) }))).toBe('TWO_FACTOR_INVALID')
  expect((await read('joe')).enabled).toBe(false)
  expect((await ask('joe', 'confirm', { code: scan(body).code() })).status).toBe(200)
})

test('a repetition with an Idempotency-Key shows the same codes, which the database does not', async () => {
  const headers = { 'idempotency-key': 'once' }
  const { body } = await ask<EnrolResponse>('kim', 'enrol', {}, headers)
  expect((await ask<EnrolResponse>('kim', 'enrol', {}, headers)).body).toEqual(body)
  const code = scan(body).code()
  const first = await ask<RecoveryCodesResponse>('kim', 'confirm', { code }, headers)
  const again = await ask<RecoveryCodesResponse>('kim', 'confirm', { code }, headers)
  expect(again).toMatchObject({ status: 200, body: first.body })

  const path = pathOf(world.config.store)
  const file = ['', '-wal'].map((end) => readFileSync(`${path}${end}`).toString('latin1')).join('')
  expect(file).toContain('second-factors')
  for (const secret of [body.secret, ...first.body.recoveryCodes]) expect(file).not.toContain(secret)
})

test('changes of the second factor are five an hour', async () => {
  const strict = await startWorld(undefined, { buckets: bucketsOf() })
  const answers = []
  for (let i = 0; i < 6; i++) answers.push(await strict.call('ada', 'POST', '/api/v1/2fa/enrol', {}))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429])
  expect(answers[5]!.headers.get('ratelimit-policy')).toBe('"2fa";q=5;w=3600')
  await strict.close()
})
