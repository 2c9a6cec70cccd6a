import { noble } from '@tandem/ecdsa'
import { completeSession, loadUnsigned, prepareSession, storeSignature } from '@tandem/sigpair'
import { cancelSession } from '../../sigpair/src/sign/cancel-session.ts'
import { startKms, type TestKms } from './kms.ts'
import { completeHere, paymentOf, preparePayment, signPayment } from './payments.ts'
import { openWorld, OWNER, readyKeyIn, type TestKey, type World } from './world.ts'

let kms: TestKms
let world: World
let key: TestKey

beforeAll(async () => (kms = await startKms()))
afterAll(async () => kms.stop())
beforeEach(async () => {
  world = openWorld(kms.client, expect.getState().currentTestName ?? '')
  key = await readyKeyIn(world)
})
afterEach(async () => world.close())

const nameOf = ({ sessionId }: { readonly sessionId: string }, owner = OWNER) => ({
  sessionId,
  keyId: key.keyId,
  owner,
})
const CANCELLED = { code: 'SESSION_CONSUMED', details: 'the session was cancelled' }

test('a session that was cancelled is signed no more, and may be cancelled again', async () => {
  const session = await preparePayment(world, key)
  await cancelSession(world.stores, nameOf(session))
  await cancelSession(world.instance(), nameOf(session))
  await expect(signPayment(world, key, session)).rejects.toMatchObject(CANCELLED)
  await expect(loadUnsigned(world.stores, nameOf(session))).rejects.toMatchObject(CANCELLED)
})

test('a signature that was being made while the session was cancelled is given to nobody', async () => {
  const session = await preparePayment(world, key)
  await cancelSession(world.stores, nameOf(session))
  await expect(storeSignature(world.stores, session.sessionId, new Uint8Array(65))).rejects.toMatchObject(CANCELLED)
  const again = { ...nameOf(session), p1SignatureShare: undefined }
  await expect(completeSession(world.stores, completeHere, again)).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
})

test('a session that is signed cannot be cancelled, and keeps its signature', async () => {
  const session = await preparePayment(world, key)
  const { signature } = await signPayment(world, key, session)
  await expect(cancelSession(world.stores, nameOf(session))).rejects.toMatchObject({ code: 'SESSION_CONSUMED' })
  expect((await completeSession(world.stores, completeHere, nameOf(session))).signature).toEqual(signature)
})

test('of a signature and a cancellation that race, exactly one is', async () => {
  for (let i = 0; i < 8; i++) {
    const session = await preparePayment(world, key, { nonce: i })
    const outcomes = await Promise.allSettled([
      signPayment(world, key, session),
      cancelSession(world.instance(), nameOf(session)),
    ])
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  }
})

test('preparing it again does not bring it back', async () => {
  const request = paymentOf(world, key)
  const prepare = async () => prepareSession(world.stores, { backend: noble, rng: world.rng }, OWNER, request)
  await prepare()
  await cancelSession(world.stores, nameOf(request))
  await expect(signPayment(world, key, await prepare())).rejects.toMatchObject(CANCELLED)
})

test('a stranger cancels nothing', async () => {
  const session = await preparePayment(world, key)
  const stranger = nameOf(session, 'https://issuer.test|eve')
  await expect(cancelSession(world.stores, stranger)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await signPayment(world, key, session)
})
