import { readKey } from '@tandem/sigpair'
import { CONTROL, ERRORS, type ErrorCode, encodeFrame, type Frame, HEADER_BYTES, limits, utf8 } from '@tandem/wire'
import { type Conversation, createDevice } from '../helpers/device.ts'
import { dial, rng, startTestSigpair, type TestSigpair } from '../helpers/sigpair.ts'
import {
  dealWallet,
  dialPresign,
  generateWallet,
  newKeyId,
  pairRecord,
  playPresign,
  type Wallet,
} from '../helpers/wallet.ts'

let sigpair: TestSigpair
let wallet: Wallet

beforeAll(async () => {
  sigpair = await startTestSigpair({ deadlines: { roundMs: 5_000 } })
  wallet = await dealWallet(sigpair)
})
afterAll(async () => {
  expect((await generateWallet(sigpair)).keyId).toHaveLength(66)
  await sigpair.close()
})

/** A presign dialogue in which Sigpair waits for round 1, and the frame it waits for. */
async function waiting(): Promise<{ readonly talk: Conversation; readonly offer: Frame }> {
  const { talk, sigids } = await dialPresign(sigpair, wallet)
  const sent: Frame[] = []
  const instead = { channel: { ...talk.channel, send: async (frame: Frame) => void sent.push(frame) } }
  void playPresign(instead, wallet.key, sigids[0]!).catch(() => {})
  while (sent.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  return { talk, offer: sent[0]! }
}

const closing = (code: ErrorCode) => ({ code: ERRORS[code].close, reason: code })

/** What a frame of nonsense costs: the dialogue, and nothing of the key. */
async function expectNoMark() {
  expect(await pairRecord(sigpair, wallet)).toMatchObject({ status: 'ACTIVE', strikes: [], failures: [] })
  expect((await readKey(sigpair.stores, wallet.keyId))!.status).toBe('READY')
}

afterEach(expectNoMark)

describe('a sealed frame that is not of the documented form ends the dialogue', () => {
  const header = (at: number, value: number) => (bytes: Uint8Array) => bytes.with(at, value)

  test.each([
    ['another magic', header(0, 0), 'FRAME_INVALID'],
    ['another suite', header(4, 2), 'FRAME_INVALID'],
    ['an unknown protocol', header(6, 9), 'FRAME_INVALID'],
    ['round 0', header(7, 0), 'FRAME_INVALID'],
    ['a sender that is nobody', header(8, 0), 'FRAME_INVALID'],
    ['everybody as recipient', header(10, 0), 'FRAME_INVALID'],
    ['a run without a name', (bytes: Uint8Array) => bytes.fill(0, 12, 44), 'FRAME_INVALID'],
    ['a longer body than it says', (bytes: Uint8Array) => Uint8Array.of(...bytes, 0), 'FRAME_INVALID'],
    ['a shorter body than it says', (bytes: Uint8Array) => bytes.slice(0, -1), 'FRAME_INVALID'],
    ['half a header', (bytes: Uint8Array) => bytes.slice(0, HEADER_BYTES / 2), 'FRAME_INVALID'],
    ['nothing', () => new Uint8Array(), 'FRAME_INVALID'],
    ['too much', () => new Uint8Array(HEADER_BYTES + limits.MAX_FRAME_BODY + 1), 'FRAME_TOO_LARGE'],
  ] as const)('%s', async (_what, change, code) => {
    const { talk, offer } = await waiting()
    talk.sendRaw(talk.seal(change(encodeFrame(offer))))
    expect(await talk.closed).toMatchObject(closing(code))
  })
})

describe('a frame of another place ends the run without blame', () => {
  test.each([
    ['another protocol', { protocol: 'sign' }],
    ['a later round', { round: 2 }],
    ['Sigpair itself as sender', { from: 2 }],
    ['a third party as sender', { from: 3 }],
    ['the device itself as recipient', { to: 1 }],
    ['another run', { sid: new Uint8Array(32).fill(9) }],
    ['another epoch', { epoch: 1 }],
  ] as const)('%s', async (_what, change) => {
    const { talk, offer } = await waiting()
    talk.send({ ...offer, ...change })
    expect(await talk.closed).toMatchObject(closing('PROTOCOL_ABORTED'))
  })

  test.each([
    ['a byte more', (body: Uint8Array) => Uint8Array.of(...body, 0)],
    ['a byte less', (body: Uint8Array) => body.slice(1)],
    ['no body', () => new Uint8Array()],
  ])('%s', async (_what, change) => {
    const { talk, offer } = await waiting()
    talk.send({ ...offer, body: change(offer.body) })
    expect(await talk.closed).toMatchObject(closing('PROTOCOL_ABORTED'))
  })
})

describe('what the channel does not know ends the dialogue', () => {
  test('a bit turned over in a sealed frame', async () => {
    const { talk, offer } = await waiting()
    const sealed = talk.seal(encodeFrame(offer))
    talk.sendRaw(sealed.with(100, sealed[100]! ^ 1))
    expect(await talk.closed).toMatchObject(closing('FRAME_INVALID'))
  })

  test('a frame that is sent twice', async () => {
    const { talk, offer } = await waiting()
    const sealed = talk.seal(encodeFrame(offer))
    talk.sendRaw(sealed)
    talk.sendRaw(sealed)
    expect(await talk.closed).toMatchObject(closing('FRAME_INVALID'))
    // The run was in its OT check when the channel broke: it counts as begun, and nobody is blamed.
  })

  test('a frame that overtakes another', async () => {
    const { talk, offer } = await waiting()
    talk.seal(encodeFrame(offer))
    talk.sendRaw(talk.seal(encodeFrame(offer)))
    expect(await talk.closed).toMatchObject(closing('FRAME_INVALID'))
  })

  test('a frame of another dialogue', async () => {
    const [one, two] = [await waiting(), await waiting()]
    one.talk.sendRaw(two.talk.seal(encodeFrame(two.offer)))
    expect(await one.talk.closed).toMatchObject(closing('FRAME_INVALID'))
    two.talk.leave()
  })

  test('a frame without a seal', async () => {
    const { talk, offer } = await waiting()
    talk.sendRaw(encodeFrame(offer))
    expect(await talk.closed).toMatchObject(closing('FRAME_INVALID'))
  })
})

describe('what was not asked for ends the dialogue', () => {
  const control = (round: number): Frame => ({
    ...{ protocol: 'control', round, from: 1, to: 2, sid: new Uint8Array(32), epoch: 0, body: utf8('{}') },
  })

  test("Sigpair's own last word", async () => {
    const { talk } = await waiting()
    talk.send(control(CONTROL.done))
    expect(await talk.closed).toMatchObject(closing('FRAME_INVALID'))
  })

  test('rounds ahead of their time', async () => {
    const { talk, offer } = await waiting()
    for (let round = 1; round <= 4; round++) talk.send({ ...offer, round, body: new Uint8Array(8) })
    const { code } = await talk.closed
    expect([ERRORS.FRAME_INVALID.close, ERRORS.PROTOCOL_ABORTED.close]).toContain(code)
  })

  test('a thousand frames at once', async () => {
    const { talk, offer } = await waiting()
    for (let i = 0; i < 1_000; i++) talk.send({ ...offer, body: new Uint8Array(8) })
    const { code } = await talk.closed
    expect([ERRORS.FRAME_INVALID.close, ERRORS.PROTOCOL_ABORTED.close]).toContain(code)
  })
})

test('a message of one key is no message of another', async () => {
  const other = await dealWallet(sigpair)
  const { talk, sigids } = await dialPresign(sigpair, other)
  void playPresign(talk, wallet.key, sigids[0]!).catch(() => {})
  expect(await talk.closed).toMatchObject(closing('PROTOCOL_ABORTED'))
  expect(await pairRecord(sigpair, other)).toMatchObject({ status: 'ACTIVE', strikes: [], opened: 0 })
})

test('a device that cannot spell its key id gets nowhere near the store', async () => {
  const device = createDevice(rng)
  const ticket = await sigpair.ticket({ sub: 'a|b', op: 'keygen', keyId: '0x../../etc', epoch: 0, cnf: device.cnf })
  const dialled = dial(sigpair, { device, keyId: newKeyId() }, { op: 'keygen' }, { request: { ticket } })
  await expect(dialled).rejects.toMatchObject(closing('TICKET_INVALID'))
})
