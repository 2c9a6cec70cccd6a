import { derive, encodeSignature } from '@tandem/ecdsa'
import { loadSession, readKey, type SessionRecord } from '@tandem/sigpair'
import { ERRORS, toHex } from '@tandem/wire'
import { fast } from '../helpers/backends.ts'
import type { Closed } from '../helpers/device.ts'
import { type Field, FINAL, flip, OFFER, REPLY } from '../helpers/signing-fields.ts'
import { startTestSigpair, type TestSigpair } from '../helpers/sigpair.ts'
import type { Tamper } from '../helpers/simulate.ts'
import { dealWallet, dialSign, pairRecord, prepared, type Wallet } from '../helpers/wallet.ts'

let sigpair: TestSigpair
let wallet: Wallet
let session: SessionRecord

beforeAll(async () => (sigpair = await startTestSigpair()))
afterAll(async () => sigpair.close())
beforeEach(async () => {
  wallet = await dealWallet(sigpair)
  session = await prepared(sigpair, wallet)
})

const aborted = { code: ERRORS.PROTOCOL_ABORTED.close, reason: 'PROTOCOL_ABORTED' }

const stored = async () => (await loadSession(sigpair.stores, session)).signature
const statusOf = async () => (await readKey(sigpair.stores, wallet.keyId))!.status

const flipIn =
  (round: number, field: Field, bit = 0): Tamper =>
  (message) =>
    message.round === round ? flip(message.body, field, bit) : message

async function lie(tamper: Tamper): Promise<Closed> {
  const { talk, play } = await dialSign(sigpair, wallet, session, { request: { tamper } })
  void play().catch(() => {})
  return talk.closed
}

test('an honest device gets a signature that is stored under its session first', async () => {
  const { talk, play } = await dialSign(sigpair, wallet, session)
  const signature = await play()
  expect(await stored()).toEqual(encodeSignature(signature))
  expect(fast.verify(signature.compact, session.digest, wallet.key.share.publicKey)).toBe(true)
  talk.stored()
  expect(await talk.done()).toEqual({})
})

test('a signature under a child key verifies under the child key', async () => {
  session = await prepared(sigpair, wallet, [44, 60, 7])
  const { talk, play } = await dialSign(sigpair, wallet, session)
  const { compact } = await play()
  const child = derive(fast, wallet.key.share, [44, 60, 7])
  expect(fast.verify(compact, session.digest, child.publicKey)).toBe(true)
  talk.leave()
})

test('a session that is signed is not signed again', async () => {
  const { talk, play } = await dialSign(sigpair, wallet, session)
  await play()
  talk.stored()
  await talk.done()
  const consumed = { code: ERRORS.SESSION_CONSUMED.close, reason: 'SESSION_CONSUMED' }
  await expect(dialSign(sigpair, wallet, session)).rejects.toMatchObject(consumed)
})

test('of two dialogues over one session one signature is stored, and no other is handed out', async () => {
  const dialogues = await Promise.all([dialSign(sigpair, wallet, session), dialSign(sigpair, wallet, session)])
  const outcomes = await Promise.allSettled(dialogues.map(({ play }) => play()))
  const [one, ...others] = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  expect(others).toEqual([])
  expect(await stored()).toEqual(encodeSignature(one!))
  for (const { talk } of dialogues) talk.leave()
})

test.each([
  ['a changed echo in round 3', 3, FINAL.echo, 0, { strikes: [], failures: [] }],
  ['a changed u′ in round 3', 3, FINAL.u, 200, { strikes: [], failures: [expect.any(Number)] }],
  ['a changed w in round 3', 3, FINAL.w, 200, { strikes: [], failures: [expect.any(Number)] }],
  ['a changed ψ in round 2', 2, REPLY.psi, 200, { strikes: [], failures: [expect.any(Number)] }],
  ['a changed ã in round 2', 2, REPLY.aTilde, 0, { strikes: [expect.any(Number)], failures: [] }],
] as const)('%s: nothing is signed', async (_what, round, field, bit, expected) => {
  expect(await lie(flipIn(round, field, bit))).toMatchObject(aborted)
  expect(await pairRecord(sigpair, wallet)).toMatchObject({ status: 'ACTIVE', ...expected })
  expect(await stored()).toBeNull()
})

test('three signatures in an hour that do not verify suspend the key', async () => {
  for (let i = 0; i < 3; i++) expect(await lie(flipIn(3, FINAL.w, 200))).toMatchObject(aborted)
  expect(await statusOf()).toBe('SUSPENDED')
  const frozen = { code: ERRORS.KEY_FROZEN.close, reason: 'KEY_FROZEN' }
  await expect(dialSign(sigpair, wallet, session)).rejects.toMatchObject(frozen)
})

test('a failed OT check freezes the key here as well', async () => {
  expect(await lie(flipIn(1, OFFER.h))).toMatchObject(aborted)
  expect(await statusOf()).toBe('FROZEN')
  expect(await stored()).toBeNull()
})

test('a device that signs another message than the session gets nothing', async () => {
  const another = await prepared(sigpair, wallet)
  const { talk, play } = await dialSign(
    sigpair,
    wallet,
    { ...session, digest: another.digest },
    {
      grant: { session: { sessionId: session.sessionId, digest: toHex(session.digest), path: [] } },
    },
  )
  void play().catch(() => {})
  expect(await talk.closed).toMatchObject(aborted)
  expect(await stored()).toBeNull()
})
