import { ackMessage, type KeygenResult, toBytes32, q } from '@tandem/ecdsa'
import { type AbortCode, type Message, partyIndex } from '@tandem/rounds'
import { fast, remembering } from '../helpers/backends.ts'
import { keygenParties, signAs } from '../helpers/keygen.ts'
import { simulateRefresh } from '../helpers/refresh.ts'
import { type Field, flip, write } from '../helpers/signing-fields.ts'
import { abortOf, outputs, sentBy, type Simulation, simulate } from '../helpers/simulate.ts'

// Every message of a refresh, of party 2 to party 1, wrong in every way. Whatever happens, party 1 keeps what it has.

const backend = remembering(fast)
const [alice, bob] = [partyIndex(1), partyIndex(2)]
const ROUNDS = [1, 2, 3, 4] as const
const key = outputs(await simulate(keygenParties({ backend })))
const before = key[0]!.share.secret.slice()
const honest = sentBy(await simulateRefresh(key, { backend }))
const other = sentBy(await simulateRefresh(key, { backend, seed: 'another session' }))

/** Bodies as docs/spec/refresh.md lists them, for two parties. */
const FIELDS = {
  nonce: { at: 0, bytes: 32 },
  com: { at: 32, bytes: 32 },
  abot: { at: 64, bytes: 33 },
  D: { at: 0, bytes: 33 },
  delta: { at: 33, bytes: 32 },
  zs: { at: 65, bytes: 32 },
  S: { at: 97 + 33 * 200, bytes: 33 },
  conf: { at: 0, bytes: 32 },
  tTilde: { at: 32 + 96, bytes: 32 },
  sTilde: { at: 32 + 5088, bytes: 32 },
  ack: { at: 0, bytes: 64 },
} as const satisfies Record<string, Field>

type Change = (message: Message) => Message | Uint8Array | undefined

const inRound = (round: number, change: Change) =>
  simulateRefresh(key, {
    backend,
    tamper: (message) => (message.from === bob && message.round === round ? change(message) : message),
  })
const edit = (field: Field, bytes: Uint8Array): Change => {
  return ({ body }) => write(body, field, bytes)
}
const messageOf = (transcript: readonly Message[], from: number, round: number) =>
  transcript.find((message) => message.from === from && message.round === round)!

type Expected = { readonly code: AbortCode; readonly round: number; readonly culprits: readonly number[] }
const blamed = (code: AbortCode, round: number): Expected => ({ code, round, culprits: [bob] })
const benign = (code: AbortCode, round: number): Expected => ({ code, round, culprits: [] })

describe('one bit changed', () => {
  const table: [string, number, Field, number, Expected][] = [
    ['K1 the nonce', 1, FIELDS.nonce, 0, benign('MISMATCH', 2)],
    ['K1 the commitment', 1, FIELDS.com, 255, benign('MISMATCH', 2)],
    ['K5 the sign of D', 2, FIELDS.D, 0, blamed('BAD_COMMITMENT', 2)],
    ['L8 the highest bit of δ', 2, FIELDS.delta, 7, blamed('BAD_SHARE', 2)],
    ['L8 the lowest bit of δ', 2, FIELDS.delta, 248, blamed('BAD_SHARE', 2)],
    ['K9 the confirmation', 3, FIELDS.conf, 9, benign('ECHO_MISMATCH', 3)],
    ['K12 t̃ of the first tree', 3, FIELDS.tTilde, 0, blamed('BAD_PPRF', 3)],
    ['K12 s̃ of the last tree', 3, FIELDS.sTilde, 255, blamed('BAD_PPRF', 3)],
    ['K10 R of the acknowledgement', 4, FIELDS.ack, 0, blamed('BAD_PROOF', 4)],
    ['K10 s of the acknowledgement', 4, FIELDS.ack, 264, blamed('BAD_PROOF', 4)],
  ]
  test.each(table)('%s, round %i', async (_, round, field, bit, expected) => {
    const sim = await inRound(round, ({ body }) => flip(body, field, bit))
    expect(abortOf(sim, alice)).toMatchObject(expected)
    expectUntouched(sim, round)
  })

  test('in the zero seed nothing is noticed here: the rehearsal on the staged pair finds it', async () => {
    const [first, second] = outputs(await inRound(2, ({ body }) => flip(body, FIELDS.zs, 0)))
    expect(first!.pairs[0]!.zeroSeed).not.toEqual(second!.pairs[0]!.zeroSeed)
  })
})

describe('points and scalars that are none', () => {
  const points: [string, Uint8Array][] = [
    ['off the curve', Uint8Array.of(2, ...toBytes32(5n))],
    ['with x ≥ p', Uint8Array.of(2, ...new Uint8Array(32).fill(0xff))],
    ['of zeros', new Uint8Array(33)],
    ['with a hybrid prefix', Uint8Array.of(6, ...fast.encode(fast.mulBase(3n)).slice(1))],
  ]
  test.each(points)('K4 a D %s', async (_, point) => {
    expect(abortOf(await inRound(2, edit(FIELDS.D, point)), alice)).toMatchObject(blamed('BAD_ENCODING', 2))
  })
  test.each(points)('K11 an Abot %s', async (_, point) => {
    expect(abortOf(await inRound(1, edit(FIELDS.abot, point)), alice)).toMatchObject(blamed('BAD_BASE_OT', 1))
  })
  test.each(points)('K11 an S %s', async (_, point) => {
    expect(abortOf(await inRound(2, edit(FIELDS.S, point)), alice)).toMatchObject(blamed('BAD_BASE_OT', 2))
  })

  test('K4 a δ of q or more, though it is the right one modulo q', async () => {
    for (const delta of [q, 2n ** 256n - 1n]) {
      const sim = await inRound(2, edit(FIELDS.delta, toBytes32(delta)))
      expect(abortOf(sim, alice)).toMatchObject(blamed('BAD_ENCODING', 2))
    }
  })

  test('L8 a δ of zero, which has no D', async () => {
    const sim = await inRound(2, edit(FIELDS.delta, new Uint8Array(32)))
    expect(abortOf(sim, alice)).toMatchObject(blamed('BAD_SHARE', 2))
  })
})

describe.each(ROUNDS)('round %i', (round) => {
  test('S4 K3 K13 shorter, longer, empty or without a field is malformed', async () => {
    const cut: Change[] = [
      ({ body }) => body.slice(1),
      ({ body }) => Uint8Array.of(...body, 0),
      ({ body }) => body.slice(0, -32),
      () => new Uint8Array(0),
    ]
    for (const change of cut) {
      const sim = await inRound(round, change)
      expect(abortOf(sim, alice)).toMatchObject(blamed('MALFORMED', round))
      expectUntouched(sim, round)
    }
  })

  test('withheld: the silent party is named', async () => {
    const sim = await simulateRefresh(key, {
      backend,
      tamper: (message) => (message.from === bob && message.round >= round ? undefined : message),
    })
    expect(abortOf(sim, alice)).toMatchObject({ ...blamed('SILENT_PEER', round), verdict: 'retry' })
    expectUntouched(sim, round)
  })

  test('K1 K14 K16 of another session, another round, or party 1’s own: a mismatch', async () => {
    const messages = [
      messageOf(other, bob, round),
      messageOf(honest, bob, round === 1 ? 2 : round - 1),
      messageOf(honest, alice, round),
      { ...messageOf(honest, bob, round), protocol: 'keygen' as const },
      { ...messageOf(honest, bob, round), epoch: 0 },
    ]
    for (const message of messages) {
      expect(abortOf(await inRound(round, () => message), alice)).toMatchObject(benign('MISMATCH', round))
    }
  })

  const replayed = { 1: 'MISMATCH', 2: 'BAD_COMMITMENT', 3: 'ECHO_MISMATCH', 4: 'BAD_PROOF' } as const
  test(`K5 K9 K10 the body of another session under this header: ${replayed[round]}`, async () => {
    const sim = await inRound(round, () => messageOf(other, bob, round).body)
    expect(abortOf(sim, alice).code).toBe(replayed[round])
  })

  const mirrored = { 1: 'MISMATCH', 2: 'BAD_COMMITMENT', 3: 'BAD_PPRF', 4: 'BAD_PROOF' } as const
  test(`K5 K12 K10 party 1 hears its own body: ${mirrored[round]}`, async () => {
    const sim = await inRound(round, () => messageOf(honest, alice, round).body)
    expect(abortOf(sim, alice).code).toBe(mirrored[round])
  })
})

test('K10 an acknowledgement of another identity, index, confirmation or protocol makes no certificate', async () => {
  const { conf } = outputs(await simulateRefresh(key, { backend }))[0]!.share
  const lies = [
    signAs(1)(ackMessage(fast, 'refresh', conf, bob)),
    signAs(2)(ackMessage(fast, 'refresh', conf, alice)),
    signAs(2)(ackMessage(fast, 'refresh', key[0]!.share.conf, bob)),
    signAs(2)(ackMessage(fast, 'keygen', conf, bob)),
    new Uint8Array(64),
  ]
  for (const lie of lies) expect(abortOf(await inRound(4, () => lie), alice)).toMatchObject(blamed('BAD_PROOF', 4))
})

/** Nothing is stored or acknowledged before round 3 held, and the old share is what it was. */
function expectUntouched(sim: Simulation<KeygenResult>, round: number): void {
  const stored = sim.events.filter((event) => event.party === alice && 'recorded' in event)
  const acknowledged = sentBy(sim).filter((message) => message.from === alice && message.round === 4)
  expect([stored.length, acknowledged.length]).toEqual(round < 4 ? [0, 0] : [1, 1])
  expect(key[0]!.share.secret).toEqual(before)
}
