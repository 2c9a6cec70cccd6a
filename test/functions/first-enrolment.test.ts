import type { EnrolResponse, PasskeyCreationOptions } from '@tandem/wire'
import { URI } from 'otpauth'
import { authenticator } from './authenticator.ts'
import { startWorld, type Wallet, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

const ask = <T>(user: string, path: string, body: object) => world.call<T>(user, 'POST', `/api/v1/2fa${path}`, body)

/** Sigpair alone looks at the signature; the holder of whole keys takes any. */
function intentOf({ key: { keyId } }: Pick<Wallet, 'key'>) {
  const zeros = (bytes: number) => `0x${'00'.repeat(bytes)}`
  return { op: '2fa', keyId, epoch: 0, bodyHash: zeros(32), nonce: zeros(16), expiry: 0, signature: zeros(64) }
}

function codeOf({ otpauthUrl }: EnrolResponse): string {
  const totp = URI.parse(otpauthUrl)
  if (!('period' in totp)) throw new TypeError('no TOTP')
  return totp.generate()
}

const refusedFor = (details: string) => ({ status: 403, body: { error: 'FORBIDDEN', details } })
const UNASKED = refusedFor('intent: the first enrolment beside a key needs one')
const LATE = refusedFor('intent: there is a key by now; begin again with one')

test('who has no key enrols freely', async () => {
  const { body } = await ask<EnrolResponse>('ada', '/enrol', {})
  expect((await ask('ada', '/confirm', { code: codeOf(body) })).status).toBe(200)
})

test('beside a key, a sign-in alone enrols neither an app nor a passkey', async () => {
  await world.createWallet('bea')
  expect(await ask('bea', '/enrol', {})).toMatchObject(UNASKED)
  expect(await ask('bea', '/passkeys/registration-options', {})).toMatchObject(UNASKED)
})

test('the intent of the key’s device is put to Sigpair, and lets the enrolment begin', async () => {
  const wallet = await world.createWallet('cleo')
  const { body } = await ask<EnrolResponse>('cleo', '/enrol', { intent: intentOf(wallet) })
  expect(world.keys.calls.at(-1)).toBe('attest')
  expect((await ask('cleo', '/confirm', { code: codeOf(body) })).status).toBe(200)
})

test('so does one for a passkey', async () => {
  const wallet = await world.createWallet('dora')
  const begun = await ask<PasskeyCreationOptions>('dora', '/passkeys/registration-options', {
    intent: intentOf(wallet),
  })
  const passkey = authenticator().create(begun.body.challenge)
  expect((await ask('dora', '/passkeys', { name: 'Phone', passkey })).status).toBe(201)
})

test('an intent of somebody else’s key, or of none, is refused', async () => {
  const hers = await world.createWallet('eve')
  await world.createWallet('fay')
  expect((await ask('fay', '/enrol', { intent: intentOf(hers) })).status).toBe(404)
  const none = { key: { ...hers.key, keyId: `0x${'77'.repeat(32)}` } }
  expect((await ask('fay', '/enrol', { intent: intentOf(none) })).status).toBe(404)
})

test('what was begun before there was a key is not finished beside it', async () => {
  const { body } = await ask<EnrolResponse>('gus', '/enrol', {})
  const options = await ask<PasskeyCreationOptions>('gus', '/passkeys/registration-options', {})
  await world.createWallet('gus')
  expect(await ask('gus', '/confirm', { code: codeOf(body) })).toMatchObject(LATE)
  const passkey = authenticator().create(options.body.challenge)
  expect(await ask('gus', '/passkeys', { name: 'Phone', passkey })).toMatchObject(LATE)
})

test('whoever has a second factor proves it instead, key or not', async () => {
  const { body } = await ask<EnrolResponse>('hal', '/enrol', {})
  await ask('hal', '/confirm', { code: codeOf(body) })
  const wallet = await world.createWallet('hal')
  const { status, body: refused } = await ask('hal', '/enrol', { intent: intentOf(wallet) })
  expect({ status, error: refused.error }).toEqual({ status: 401, error: 'TWO_FACTOR_REQUIRED' })
})
