import type { Message } from '@tandem/rounds'
import { pairAt, readKey } from '@tandem/sigpair'
import { ERRORS } from '@tandem/wire'
import { type Closed, createDevice } from '../helpers/device.ts'
import { type Field, flip, OFFER, REPLY } from '../helpers/signing-fields.ts'
import { dial, rng, startTestSigpair, type TestSigpair } from '../helpers/sigpair.ts'
import type { Tamper } from '../helpers/simulate.ts'
import { generateWallet, newKeyId, playKeygen } from '../helpers/wallet.ts'

let sigpair: TestSigpair

beforeAll(async () => (sigpair = await startTestSigpair()))
afterAll(async () => {
  expect((await generateWallet(sigpair)).keyId).toHaveLength(66)
  await sigpair.close()
})

/** A device that lies in one message, up to the end that Sigpair makes of it. */
async function lie(
  tamper: Tamper,
): Promise<{ readonly end: Closed; readonly keyId: string; readonly sent: Message[] }> {
  const device = createDevice(rng)
  const keyId = newKeyId()
  const sent: Message[] = []
  const recording: Tamper = (message) => {
    sent.push(message)
    return tamper(message)
  }
  const talk = await dial(sigpair, { device, keyId }, { op: 'keygen' }, { request: { tamper: recording } })
  // What the device itself makes of it is another test's business.
  await playKeygen(talk, device, keyId).then(talk.stored, () => {})
  return { end: await talk.closed, keyId, sent }
}

const inRound =
  (protocol: Message['protocol'], round: number, change: (body: Uint8Array) => Uint8Array): Tamper =>
  (message) =>
    message.protocol === protocol && message.round === round ? change(message.body) : message

const aborted = { code: ERRORS.PROTOCOL_ABORTED.close, reason: 'PROTOCOL_ABORTED' }

const viewOf = async (keyId: string) => (await readKey(sigpair.stores, keyId))!

/** Bodies as docs/spec/keygen.md lists them. */
const FIELDS = {
  1: { nonce: [0, 32], com: [32, 32], abot: [64, 33] },
  2: { salt: [0, 32], A: [32, 33], cc: [65, 32], T: [97, 33], z: [130, 32], zs: [162, 32], reply: [194, 33] },
  3: { conf: [0, 32], corrections: [32, 96], tTilde: [128, 32], sTilde: [160, 32], lastTree: [32 + 31 * 160, 160] },
  4: { ack: [0, 64] },
} as const

/** Bit 2 of a point's prefix makes 02 a 06, which no encoding of ours is. */
const EVERY_FIELD = Object.entries(FIELDS).flatMap(([round, fields]) =>
  Object.entries(fields).map(([name, [at, bytes]]) => [Number(round), name, { at, bytes }] as const),
)

test.each(EVERY_FIELD)('round %i: a changed bit of %s leaves the key in ERROR', async (round, _name, field: Field) => {
  const { end, keyId } = await lie(inRound('keygen', round, (body) => flip(body, field, 2)))
  expect(end).toMatchObject(aborted)
  const { status, key } = await viewOf(keyId)
  expect({ status, stage: key.stage, current: key.current }).toEqual({ status: 'ERROR', stage: null, current: null })
})

describe('the rehearsal', () => {
  const ssidOf = (sent: readonly Message[]) => sent.find(({ round }) => round === 2)!.sid
  const pairOf = async (keyId: string, sent: readonly Message[]) =>
    (await sigpair.stores.presignatures.get(pairAt({ keyId, ssid: ssidOf(sent) })))!.data

  test.each([
    [1, 'commitment', OFFER.commitment],
    [2, 'ã', REPLY.aTilde],
    [2, 'Γ', REPLY.gammaV],
    [3, 'echo', { at: 0, bytes: 32 }],
  ])('catches a lie in round %i (%s): ERROR, and nothing is left of the pair', async (round, _name, field) => {
    const { end, keyId, sent } = await lie(inRound('presign', round, (body) => flip(body, field, 0)))
    expect(end).toMatchObject(aborted)
    expect((await viewOf(keyId)).status).toBe('ERROR')
    expect(await pairOf(keyId, sent)).toMatchObject({ setup: null, stock: [] })
  })

  test('poisons a staged pair whose OT check fails, before the device hears of it', async () => {
    const { end, keyId, sent } = await lie(inRound('presign', 1, (body) => flip(body, OFFER.u, 0)))
    expect(end).toMatchObject(aborted)
    expect((await viewOf(keyId)).status).toBe('ERROR')
    expect(await pairOf(keyId, sent)).toMatchObject({
      status: 'RETIRED',
      setup: null,
      epochKey: null,
      opened: 1,
      passed: 0,
    })
  })
})

describe('a key that nobody is to blame for stays PENDING', () => {
  test('when only the device can see that its base OT is broken, and stops', async () => {
    const patient = sigpair
    sigpair = await startTestSigpair({ deadlines: { roundMs: 2_500 } })
    // The other square root: a point of the curve that Sigpair cannot tell from the right one.
    const { end, keyId } = await lie(inRound('keygen', 2, (body) => flip(body, { at: 194, bytes: 33 }, 0)))
    expect(end).toMatchObject({ code: ERRORS.MPC_SIGNING_FAILED.close, reason: 'Round 4 timeout' })
    expect((await viewOf(keyId)).status).toBe('PENDING')
    await sigpair.close()
    sigpair = patient
  })

  test.each([1, 2, 3, 4])('when the device vanishes in round %i', async (round) => {
    const device = createDevice(rng)
    const keyId = newKeyId()
    const talk = await dial(
      sigpair,
      { device, keyId },
      { op: 'keygen' },
      {
        request: {
          tamper: (message) => {
            if (message.round === round) talk.leave()
            return message.round === round ? undefined : message
          },
        },
      },
    )
    await expect(playKeygen(talk, device, keyId)).rejects.toThrow()
    const { key, status } = await viewOf(keyId)
    expect({ status, current: key.current }).toEqual({ status: 'PENDING', current: null })
    expect(key.stage?.acknowledged ?? false).toBe(false)
  })
})

test('a stage whose device never said that it stored its half is not complete', async () => {
  const device = createDevice(rng)
  const keyId = newKeyId()
  const talk = await dial(sigpair, { device, keyId }, { op: 'keygen' })
  await playKeygen(talk, device, keyId)
  talk.leave()
  expect((await viewOf(keyId)).key.stage).toMatchObject({ acknowledged: false })
})
