import { secp256k1 } from '@noble/curves/secp256k1.js'
import { ackMessage, type KeygenResult, toBytes32 } from '@tandem/ecdsa'
import { type AbortCode, type Message, type PartyIndex, partyIndex, sessionId } from '@tandem/rounds'
import { fast, remembering } from '../helpers/backends.ts'
import { keygenParties, signAs } from '../helpers/keygen.ts'
import { abortOf, outputs, sentBy, type Simulation, simulate } from '../helpers/simulate.ts'

// Every message of party 2 to party 1, wrong in every way.

const backend = remembering(fast)
const [alice, bob] = [partyIndex(1), partyIndex(2)]
const ROUNDS = [1, 2, 3, 4] as const
const other = sentBy(await simulate(keygenParties({ backend, seed: 'another session' })))
const honest = sentBy(await simulate(keygenParties({ backend })))

type Change = (message: Message) => Message | Uint8Array | undefined

const inRound = (round: number, change: Change) =>
  simulate(keygenParties({ backend }), {
    tamper: (message) => (message.from === bob && message.round === round ? change(message) : message),
  })
const overwrite =
  (at: number, bytes: Uint8Array): Change =>
  ({ body }) => {
    const changed = body.slice()
    changed.set(bytes, at)
    return changed
  }
const flip =
  (at: number): Change =>
  ({ body }) =>
    body.with(at, body[at]! ^ 1)
const messageOf = (transcript: readonly Message[], from: PartyIndex, round: number) =>
  transcript.find((message) => message.from === from && message.round === round)!

describe('one bit changed', () => {
  // check, field, round, its offset, what party 1 says, in which round, whom it names
  const table: [string, string, number, number, AbortCode, number, PartyIndex[]][] = [
    ['K1', 'nonce', 1, 0, 'MISMATCH', 2, []],
    ['K1', 'commitment', 1, 32, 'MISMATCH', 2, []],
    ['K5', 'salt', 2, 0, 'BAD_COMMITMENT', 2, [bob]],
    ['K5', 'sign of A', 2, 32, 'BAD_COMMITMENT', 2, [bob]],
    ['K5', 'chain contribution', 2, 65, 'BAD_COMMITMENT', 2, [bob]],
    ['K6', 'sign of T', 2, 97, 'BAD_PROOF', 2, [bob]],
    ['K6', 'z', 2, 161, 'BAD_PROOF', 2, [bob]],
    ['K9', 'confirmation', 3, 0, 'ECHO_MISMATCH', 3, []],
    ['K12', 't̃ of the first tree', 3, 32 + 96, 'BAD_PPRF', 3, [bob]],
    ['K12', 's̃ of the last tree', 3, 5151, 'BAD_PPRF', 3, [bob]],
    ['K10', 'R of the acknowledgement', 4, 0, 'BAD_PROOF', 4, [bob]],
    ['K10', 's of the acknowledgement', 4, 33, 'BAD_PROOF', 4, [bob]],
  ]
  for (const [check, field, round, at, code, seen, culprits] of table) {
    test(`${check} in the ${field}: ${code}`, async () => {
      expect(abortOf(await inRound(round, flip(at)), alice)).toMatchObject({ code, round: seen, culprits })
    })
  }

  test('K12 in a correction: found whenever it is one that party 1 uses', async () => {
    const codes = await Promise.all([0, 16, 32, 48, 64, 80].map(async (at) => endOf(await inRound(3, flip(32 + at)))))
    expect(codes).toContain('BAD_PPRF')
    expect(codes.every((code) => code === 'BAD_PPRF' || code === 'done')).toBe(true)
  })

  test('K12 in the sign of Abot: party 1 answers another point, and the trees do not fit', async () => {
    const sim = await inRound(1, flip(64))
    expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_PPRF', round: 3, culprits: [bob] })
  })

  test('K12 in the sign of an S: party 1 derives another key, and its trees do not fit', async () => {
    for (const at of [194, 194 + 33, 194 + 66 * 127]) {
      expect(abortOf(await inRound(2, flip(at)), bob)).toMatchObject({ code: 'BAD_PPRF', round: 3, culprits: [alice] })
    }
  })

  test('in the zero seed nothing is noticed here: secrecy and authenticity are the channel’s, the dry run finds the rest', async () => {
    const [first, second] = outputs(await inRound(2, flip(162)))
    expect(first!.pairs[0]!.zeroSeed).not.toEqual(second!.pairs[0]!.zeroSeed)
  })
})

describe('points that are none', () => {
  const bad: Record<string, Uint8Array> = {
    'off the curve': Uint8Array.of(2, ...toBytes32(5n)),
    'with x ≥ p': Uint8Array.of(2, ...new Uint8Array(32).fill(0xff)),
    'of zeros': new Uint8Array(33),
    'with a hybrid prefix': Uint8Array.of(6, ...secp256k1.Point.BASE.toBytes(true).slice(1)),
  }
  for (const [name, point] of Object.entries(bad)) {
    test(`K11 an Abot ${name}`, async () => {
      expect(abortOf(await inRound(1, overwrite(64, point)), alice)).toMatchObject({
        ...{ code: 'BAD_BASE_OT', round: 1, culprits: [bob] },
      })
    })
    test(`K4 an A ${name}`, async () => {
      expect(abortOf(await inRound(2, overwrite(32, point)), alice)).toMatchObject({
        ...{ code: 'BAD_ENCODING', round: 2, culprits: [bob] },
      })
    })
    test(`K6 a T ${name}`, async () => {
      expect(abortOf(await inRound(2, overwrite(97, point)), alice)).toMatchObject({
        ...{ code: 'BAD_PROOF', round: 2, culprits: [bob] },
      })
    })
    test(`K11 an S ${name}`, async () => {
      expect(abortOf(await inRound(2, overwrite(194 + 33 * 200, point)), alice)).toMatchObject({
        ...{ code: 'BAD_BASE_OT', round: 2, culprits: [bob] },
      })
    })
  }
})

describe('bodies of another length', () => {
  for (const round of ROUNDS) {
    test(`S4 round ${round}, shorter, longer or empty, is malformed`, async () => {
      const cut: Change[] = [
        ({ body }) => body.slice(1),
        ({ body }) => Uint8Array.of(...body, 0),
        () => new Uint8Array(0),
      ]
      for (const change of cut) {
        expect(abortOf(await inRound(round, change), alice)).toMatchObject({
          code: 'MALFORMED',
          round,
          culprits: [bob],
        })
      }
    })
  }

  test('K3 no coefficient, or one more than additive shares have, is malformed', async () => {
    const none: Change = ({ body }) => Uint8Array.of(...body.slice(0, 32), ...body.slice(65))
    const two: Change = ({ body }) => Uint8Array.of(...body.slice(0, 65), ...body.slice(32))
    for (const change of [none, two]) {
      expect(abortOf(await inRound(2, change), alice)).toMatchObject({ code: 'MALFORMED', round: 2, culprits: [bob] })
    }
  })

  test('K13 a round without its zero-seed half, or with half of it, is malformed', async () => {
    for (const keep of [0, 16]) {
      const change: Change = ({ body }) => Uint8Array.of(...body.slice(0, 162 + keep), ...body.slice(194))
      expect(abortOf(await inRound(2, change), alice)).toMatchObject({ code: 'MALFORMED', round: 2, culprits: [bob] })
    }
  })
})

describe('messages withheld', () => {
  for (const round of ROUNDS) {
    test(`round ${round}: no key, and the silent party is named`, async () => {
      const sim = await simulate(keygenParties({ backend }), {
        tamper: (message) => (message.from === bob && message.round >= round ? undefined : message),
      })
      expect(abortOf(sim, alice)).toMatchObject({ code: 'SILENT_PEER', round, culprits: [bob], verdict: 'retry' })
    })
  }
})

describe('messages replayed', () => {
  for (const round of [2, 3, 4] as const) {
    test(`K14 round ${round - 1} again in place of round ${round} is a mismatch`, async () => {
      const sim = await inRound(round, () => messageOf(honest, bob, round - 1))
      expect(abortOf(sim, alice)).toMatchObject({ code: 'MISMATCH', round, culprits: [] })
    })
  }

  test('K1 K14 a message of another session is a mismatch in every round', async () => {
    for (const round of ROUNDS) {
      const sim = await inRound(round, () => messageOf(other, bob, round))
      expect(abortOf(sim, alice)).toMatchObject({ code: 'MISMATCH', round })
    }
  })

  test('K14 from round 2 on the header carries ssid: one under sid is a mismatch', async () => {
    const sid = messageOf(honest, bob, 1).sid
    const sim = await inRound(2, (message) => ({ ...message, sid }))
    expect(abortOf(sim, alice)).toMatchObject({ code: 'MISMATCH', round: 2 })
    expect(messageOf(honest, bob, 2).sid).not.toEqual(sid)
  })

  const expected: Record<number, AbortCode> = { 1: 'MISMATCH', 2: 'BAD_COMMITMENT', 3: 'ECHO_MISMATCH', 4: 'BAD_PROOF' }
  for (const round of ROUNDS) {
    test(`the body of another session under this header, round ${round}: ${expected[round]}`, async () => {
      const sim = await inRound(round, () => messageOf(other, bob, round).body)
      expect(abortOf(sim, alice).code).toBe(expected[round])
    })
  }
})

describe('messages mirrored: party 1 hears itself', () => {
  const expected: Record<number, AbortCode> = { 1: 'MISMATCH', 2: 'BAD_COMMITMENT', 3: 'BAD_PPRF', 4: 'BAD_PROOF' }
  for (const round of ROUNDS) {
    test(`round ${round}: ${expected[round]}`, async () => {
      const sim = await inRound(round, () => messageOf(honest, alice, round).body)
      expect(abortOf(sim, alice).code).toBe(expected[round])
    })
  }

  test('K16 with its header too it is a mismatch', async () => {
    for (const round of ROUNDS) {
      expect(abortOf(await inRound(round, () => messageOf(honest, alice, round)), alice).code).toBe('MISMATCH')
    }
  })
})

describe('acknowledgements', () => {
  const conf = async () => outputs(await simulate(keygenParties({ backend })))[0]!.share.conf

  test('K10 of another identity, index or confirmation make no certificate', async () => {
    const lies = [
      signAs(1)(ackMessage(fast, 'keygen', await conf(), bob)),
      signAs(2)(ackMessage(fast, 'keygen', await conf(), alice)),
      signAs(2)(ackMessage(fast, 'keygen', new Uint8Array(32), bob)),
      new Uint8Array(64),
    ]
    for (const lie of lies) {
      expect(abortOf(await inRound(4, () => lie), alice)).toMatchObject({
        code: 'BAD_PROOF',
        round: 4,
        culprits: [bob],
      })
    }
  })

  test('K15 none leaves, and no stage is stored, before everything of round 3 is verified', async () => {
    for (const [at, code] of [
      [0, 'ECHO_MISMATCH'],
      [32 + 97, 'BAD_PPRF'],
    ] as const) {
      const sim = await inRound(3, flip(at))
      expect(abortOf(sim, alice).code).toBe(code)
      expect(sim.events.filter((event) => event.party === alice && 'recorded' in event)).toEqual([])
      expect(sentBy(sim).filter(({ from, round }) => from === alice && round === 4)).toEqual([])
    }
  })
})

test('a header of the right run survives being copied: sessions are compared by content', async () => {
  const sim = await inRound(2, (message) => ({ ...message, sid: sessionId(message.sid.slice()) }))
  expect(outputs(sim)).toHaveLength(2)
})

function endOf(sim: Simulation<KeygenResult>): string {
  const outcome = sim.outcomes.get(alice)!
  return outcome.status === 'aborted' ? outcome.abort.code : outcome.status
}
