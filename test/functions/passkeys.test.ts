import type {
  AddPasskeyResponse,
  PasskeyCreationOptions,
  PasskeyRequestOptions,
  SecondFactorResponse,
} from '@tandem/wire'
import { type Authenticator, authenticator } from './authenticator.ts'
import { startWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

const ask = <T>(user: string, path: string, body: object) => world.call<T>(user, 'POST', `/api/v1/2fa${path}`, body)
const begin = async (user: string, body = {}) =>
  (await ask<PasskeyCreationOptions>(user, '/passkeys/registration-options', body)).body
const challenge = async (user: string) =>
  (await ask<PasskeyRequestOptions>(user, '/passkeys/assertion-options', {})).body.challenge

async function withPasskey(user: string, key: Authenticator = authenticator()) {
  const options = await begin(user)
  const passkey = key.create(options.challenge)
  return { key, options, added: await ask<AddPasskeyResponse>(user, '/passkeys', { name: 'Phone', passkey }) }
}

const disable = (user: string, twoFactorCode: object) => ask(user, '/disable', { twoFactorCode })

test('a passkey is a second factor, and the first one comes with recovery codes', async () => {
  const { key, options, added } = await withPasskey('ada')
  expect(options).toMatchObject({ rp: { id: 'wallet.example' }, attestation: 'none', excludeCredentials: [] })
  expect(options.user.id).not.toContain(Buffer.from('ada').toString('base64url'))
  expect(added.status).toBe(201)
  expect(added.body.recoveryCodes).toHaveLength(10)

  const { body } = await world.call<SecondFactorResponse>('ada', 'GET', '/api/v1/2fa')
  expect(body).toMatchObject({ enabled: true, totp: false, passkeys: [{ id: added.body.id, name: 'Phone' }] })
  expect((await disable('ada', key.get(await challenge('ada')))).status).toBe(200)
})

test('a challenge is answered once', async () => {
  const { key } = await withPasskey('bea')
  const assertion = key.get(await challenge('bea'))
  expect((await ask('bea', '/recovery-codes', { twoFactorCode: assertion })).status).toBe(200)
  expect((await disable('bea', assertion)).body.error).toBe('TWO_FACTOR_INVALID')
})

test('a registration is answered once, and only when it was begun', async () => {
  const { key, options } = await withPasskey('cleo')
  const again = { name: 'Phone', passkey: key.create(options.challenge) }
  expect((await ask('cleo', '/passkeys', again)).body.error).toBe('VALIDATION_FAILED')
  expect((await ask('dora', '/passkeys', again)).body.error).toBe('VALIDATION_FAILED')
})

test.each([
  ['for another site', { rpId: 'evil.example' }],
  ['from a page of another site', { origin: 'https://evil.example' }],
  ['without the user', { flags: 0x40 }],
  ['without proof of who the user is', { flags: 0x41 }],
])('a registration %s is refused', async (name, change) => {
  const { challenge } = await begin(name)
  const passkey = authenticator().create(challenge, change)
  expect((await ask(name, '/passkeys', { name: 'Phone', passkey })).body.error).toBe('TWO_FACTOR_INVALID')
})

test.each([
  ['for another site', { rpId: 'evil.example' }],
  ['from a page of another site', { origin: 'https://evil.example' }],
  ['without proof of who the user is', { flags: 0x01 }],
  ['of a copy that fell behind', { counter: 1 }],
])('an assertion %s is refused', async (name, change) => {
  const user = `asserting ${name}`
  const { key } = await withPasskey(user)
  expect((await disable(user, key.get(await challenge(user), change))).body.error).toBe('TWO_FACTOR_INVALID')
})

test('an assertion of another key, or over another challenge, is refused', async () => {
  const { key } = await withPasskey('eve')
  await challenge('eve')
  expect((await disable('eve', key.get('AAAA'))).body.error).toBe('TWO_FACTOR_INVALID')
  const theirs = authenticator().get(await challenge('eve'))
  const named = { ...theirs, id: key.get('AAAA').id, rawId: key.get('AAAA').id }
  expect((await disable('eve', named)).body.error).toBe('TWO_FACTOR_INVALID')
})

test('a second passkey needs the first', async () => {
  const { key } = await withPasskey('fay')
  expect(await begin('fay')).toMatchObject({ error: 'TWO_FACTOR_REQUIRED' })
  const { challenge: next, excludeCredentials } = await begin('fay', { twoFactorCode: key.get(await challenge('fay')) })
  expect(excludeCredentials).toHaveLength(1)
  const { status, body } = await ask<AddPasskeyResponse>('fay', '/passkeys', {
    name: 'Laptop',
    passkey: authenticator().create(next),
  })
  expect({ status, codes: body.recoveryCodes }).toEqual({ status: 201, codes: undefined })
})

test('what was begun before there was a second factor does not become another one', async () => {
  const { challenge: early } = await begin('gus')
  const { body } = await ask<{ otpauthUrl: string }>('gus', '/enrol', {})
  const { URI } = await import('otpauth')
  await ask('gus', '/confirm', { code: URI.parse(body.otpauthUrl).generate() })
  const late = { name: 'Thief', passkey: authenticator().create(early) }
  expect((await ask('gus', '/passkeys', late)).body.error).toBe('TWO_FACTOR_REQUIRED')

  await ask('hal', '/enrol', {})
  await withPasskey('hal')
  expect((await ask('hal', '/confirm', { code: '123456' })).body.error).toBe('TWO_FACTOR_REQUIRED')
})
