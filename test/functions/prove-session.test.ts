import { type EnrolResponse, type RecoveryCodesResponse, WireError } from '@tandem/wire'
import { URI } from 'otpauth'
import { type Anvil, startAnvil } from './anvil.ts'
import { honest } from './key-holder.ts'
import { freshShare, prepare, startWorld, type Wallet, type World } from './world.ts'

let anvil: Anvil
let world: World
let wallet: Wallet
let codes: string[]

beforeAll(async () => {
  anvil = await startAnvil()
  world = await startWorld(anvil.url)
  const { body } = await world.call<EnrolResponse>('ada', 'POST', '/api/v1/2fa/enrol', {})
  const totp = URI.parse(body.otpauthUrl)
  if (!('period' in totp)) throw new TypeError('no TOTP')
  const confirm = { code: totp.generate() }
  codes = (await world.call<RecoveryCodesResponse>('ada', 'POST', '/api/v1/2fa/confirm', confirm)).body.recoveryCodes
  wallet = await world.createWallet('ada')
  await anvil.fund(wallet.address)
})
afterEach(() => {
  world.keys.meddle = honest
})
afterAll(async () => {
  await world.close()
  await anvil.stop()
})

const sign = (sessionId: string, twoFactorCode?: string) =>
  world.call('ada', 'POST', '/api/v1/mpc/sign', { sessionId, p1SignatureShare: freshShare(), twoFactorCode })
const proofs = () => world.keys.calls.filter((call) => call === 'prove').length

test('one code is enough for one session, however often its signature fails', async () => {
  const { sessionId } = await prepare(world, wallet)
  const code = codes.pop()!
  for (const lost of ['prove', 'complete']) {
    world.keys.meddle = async (operation, answer) => {
      if (operation === lost) throw new WireError('UNAVAILABLE')
      return answer
    }
    expect((await sign(sessionId, code)).status).toBe(503)
  }
  world.keys.meddle = honest
  expect((await sign(sessionId, code)).status).toBe(200)

  const another = await prepare(world, wallet)
  expect((await sign(another.sessionId, code)).body.error).toBe('TWO_FACTOR_INVALID')
})

test('without a code Sigpair is told nothing; with a wrong one neither', async () => {
  const { sessionId } = await prepare(world, wallet)
  const before = proofs()
  expect((await sign(sessionId, '0000-0000-0000-0000')).body.error).toBe('TWO_FACTOR_INVALID')
  expect((await sign(sessionId)).status).toBe(200)
  expect(proofs()).toBe(before)
})

test('what is signed asks for no code, and uses none up', async () => {
  const { sessionId } = await prepare(world, wallet)
  await sign(sessionId)
  const code = codes.pop()!
  expect((await sign(sessionId, code)).status).toBe(200)
  const next = await prepare(world, wallet)
  expect((await sign(next.sessionId, code)).status).toBe(200)
})

test('a ticket to sign takes a code, another one does not', async () => {
  const { sessionId } = await prepare(world, wallet)
  const { keyId } = wallet.key
  const before = proofs()
  const ask = (body: object) => world.call('ada', 'POST', '/api/v1/mpc/tickets', { keyId, ...body })
  const twoFactorCode = codes.pop()!
  expect((await ask({ operation: 'presign', twoFactorCode })).status).toBe(400)
  expect((await ask({ operation: 'sign', sessionId, twoFactorCode })).status).toBe(200)
  expect(proofs()).toBe(before + 1)
})

test('the first step of a text takes no code', async () => {
  const body = { profileId: wallet.profileId, message: 'x', twoFactorCode: codes[0] }
  expect((await world.call('ada', 'POST', '/api/v1/mpc/sign-message', body)).status).toBe(400)
})
