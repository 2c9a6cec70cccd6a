import type { Message } from '@tandem/rounds'
import { pairAt, readKey } from '@tandem/sigpair'
import { ERRORS } from '@tandem/wire'
import type { Closed } from '../helpers/device.ts'
import { type Field, flip, OFFER, REPLY } from '../helpers/signing-fields.ts'
import { dial, startTestSigpair, type TestSigpair } from '../helpers/sigpair.ts'
import type { Tamper } from '../helpers/simulate.ts'
import { dealWallet, dialSign, pairRecord, playRefresh, prepared, type Wallet } from '../helpers/wallet.ts'

let sigpair: TestSigpair
let wallet: Wallet

beforeAll(async () => (sigpair = await startTestSigpair()))
beforeEach(async () => (wallet = await dealWallet(sigpair)))
afterEach(async () => signs())
afterAll(async () => sigpair.close())

/** Whatever a device does in a refresh, the epoch in force goes on. */
async function signs(): Promise<void> {
  const { talk, play } = await dialSign(sigpair, wallet, await prepared(sigpair, wallet))
  await play()
  talk.stored()
  await talk.done()
}

type Lie = { readonly end: Closed; readonly stageId: string; readonly sent: readonly Message[] }

/** A device that lies in one message, up to the end that Sigpair makes of it. */
async function lie(tamper: Tamper): Promise<Lie> {
  const sent: Message[] = []
  const recording: Tamper = (message) => {
    sent.push(message)
    return tamper(message)
  }
  const talk = await dial(sigpair, wallet, { op: 'refresh' }, { request: { tamper: recording } })
  // What the device itself makes of it is another test's business.
  await playRefresh(talk, wallet.device, wallet.key.share).then(talk.stored, () => {})
  return { end: await talk.closed, stageId: talk.answer.stageId ?? '', sent }
}

const inRound =
  (protocol: Message['protocol'], round: number, change: (body: Uint8Array) => Uint8Array): Tamper =>
  (message) =>
    message.protocol === protocol && message.round === round ? change(message.body) : message

const aborted = { code: ERRORS.PROTOCOL_ABORTED.close, reason: 'PROTOCOL_ABORTED' }
const viewOf = async () => (await readKey(sigpair.stores, wallet.keyId))!
const nothingStaged = { begun: null, stage: null, opened: null, current: { epoch: 0 } }

/** Bodies as docs/spec/refresh.md lists them, for two parties; whether a change of it is a cheat that counts. */
const FIELDS = {
  1: { nonce: [0, 32, 0], com: [32, 32, 0], abot: [64, 33, 1] },
  2: { D: [0, 33, 1], delta: [33, 32, 1], zs: [65, 32, 0], reply: [97, 33, 1] },
  3: { conf: [0, 32, 0], tTilde: [128, 32, 1], sTilde: [160, 32, 1] },
  4: { ack: [0, 64, 1] },
} as const satisfies Record<number, Record<string, readonly [number, number, 0 | 1]>>

const EVERY_FIELD = Object.entries(FIELDS).flatMap(([round, fields]) =>
  Object.entries(fields).map(([name, [at, bytes, strikes]]) => ({ round: Number(round), name, at, bytes, strikes })),
)

test.each(EVERY_FIELD)(
  'round $round: a changed bit of $name aborts the stage, and counts $strikes strikes',
  async ({ round, at, bytes, strikes }) => {
    const { end } = await lie(inRound('refresh', round, (body) => flip(body, { at, bytes }, 2)))
    expect(end).toMatchObject(aborted)
    const { status, key } = await viewOf()
    expect(status).toBe('READY')
    expect(key).toMatchObject(nothingStaged)
    expect((await pairRecord(sigpair, wallet)).strikes).toHaveLength(strikes)
  },
)

test('round 3: a changed correction is caught, by the proof or by the rehearsal, as our half of it has it', async () => {
  const { end } = await lie(inRound('refresh', 3, (body) => flip(body, { at: 32, bytes: 96 }, 2)))
  expect(end).toMatchObject(aborted)
  expect((await viewOf()).key).toMatchObject(nothingStaged)
})

test('three cheats in a day suspend the key, in a refresh as elsewhere', async () => {
  for (let i = 0; i < 3; i++) await lie(inRound('refresh', 4, (body) => flip(body, { at: 0, bytes: 64 }, 2)))
  expect((await viewOf()).status).toBe('SUSPENDED')
  wallet = await dealWallet(sigpair)
})

describe('the rehearsal', () => {
  const ssidOf = (sent: readonly Message[]) => sent.find(({ round }) => round === 2)!.sid
  const stagedPair = async (sent: readonly Message[]) =>
    (await sigpair.stores.presignatures.get(pairAt({ keyId: wallet.keyId, ssid: ssidOf(sent) })))!.data

  test.each<[number, string, Field]>([
    [1, 'commitment', OFFER.commitment],
    [2, 'ã', REPLY.aTilde],
    [2, 'Γ', REPLY.gammaV],
    [3, 'echo', { at: 0, bytes: 32 }],
  ])('catches a lie in round %i (%s): nothing is left of what was staged', async (round, _name, field) => {
    const { end, sent } = await lie(inRound('presign', round, (body) => flip(body, field, 0)))
    expect(end).toMatchObject(aborted)
    expect((await viewOf()).key).toMatchObject(nothingStaged)
    expect(await stagedPair(sent)).toMatchObject({ status: 'RETIRED', setup: null, epochKey: null, stock: [] })
  })

  test('a failed OT check ends the staged pair, not the one in force', async () => {
    const { end, sent } = await lie(inRound('presign', 1, (body) => flip(body, OFFER.u, 0)))
    expect(end).toMatchObject(aborted)
    expect(await stagedPair(sent)).toMatchObject({ status: 'RETIRED', setup: null, opened: 1, passed: 0 })
    expect(await pairRecord(sigpair, wallet)).toMatchObject({ status: 'ACTIVE', strikes: [expect.any(Number)] })
  })
})

describe('a stage that nobody is to blame for stays open', () => {
  test.each([1, 2, 3, 4])('when the device vanishes in round %i', async (round) => {
    const vanish = { leave: () => {} }
    const tamper: Tamper = (message) => {
      if (message.round !== round) return message
      vanish.leave()
      return undefined
    }
    const talk = await dial(sigpair, wallet, { op: 'refresh' }, { request: { tamper } })
    vanish.leave = talk.leave
    await expect(playRefresh(talk, wallet.device, wallet.key.share)).rejects.toThrow()
    const { key, status } = await viewOf()
    expect({ status, epoch: key.current?.epoch, open: key.opened !== null }).toEqual({
      ...{ status: 'READY', epoch: 0, open: true },
    })
    expect(key.stage?.acknowledged ?? false).toBe(false)
  })

  test('when the device never says that it stored its half', async () => {
    const talk = await dial(sigpair, wallet, { op: 'refresh' })
    await playRefresh(talk, wallet.device, wallet.key.share)
    talk.leave()
    expect((await viewOf()).key.stage).toMatchObject({ acknowledged: false })
  })
})

test('a device that brings another share than its own is a mismatch, and accuses nobody', async () => {
  const other = await dealWallet(sigpair)
  const talk = await dial(sigpair, wallet, { op: 'refresh' })
  await playRefresh(talk, wallet.device, other.key.share).catch(() => {})
  expect(await talk.closed).toMatchObject(aborted)
  expect((await viewOf()).key).toMatchObject(nothingStaged)
  expect((await pairRecord(sigpair, wallet)).strikes).toEqual([])
})

test('a device that sends a control frame that is not its own to send is told so', async () => {
  const talk = await dial(sigpair, wallet, { op: 'refresh' })
  const control = { protocol: 'control', from: 1, to: 2, sid: new Uint8Array(32), epoch: 0 } as const
  talk.send({ ...control, round: 4, body: new Uint8Array(32) })
  expect(await talk.closed).toMatchObject({ reason: 'FRAME_INVALID' })
})
