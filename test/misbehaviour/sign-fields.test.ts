import { type AbortCode, partyIndex, type Verdict } from '@tandem/rounds'
import { fast as backend } from '../helpers/backends.ts'
import { dealtKey } from '../helpers/dealt-key.ts'
import { seeded } from '../helpers/rng.ts'
import { messageOf, presignAll, signAll } from '../helpers/signing.ts'
import { ANSWER, type Field, FINAL, flip, OFFER, REPLY, write } from '../helpers/signing-fields.ts'
import { abortOf, sentBy, type Tamper } from '../helpers/simulate.ts'
import { signedText } from '../helpers/verifiers.ts'

const key = dealtKey(backend, 2, seeded('fields'))
const [CHEAT, VICTIM] = [1, 2] as const
const message = messageOf(signedText('fields').digest)

/** Party 1's message of one round, edited on its way to party 2, which assembles. */
function edited(round: number, edit: (body: Uint8Array) => Uint8Array, from: number = CHEAT): Tamper {
  return (sent) => (sent.round === round && sent.from === from ? edit(sent.body) : sent)
}

async function abortAfter(tamper: Tamper) {
  const simulation = await signAll(key, { message, assembler: partyIndex(VICTIM) }, { backend, tamper })
  return { simulation, abort: abortOf(simulation, VICTIM) }
}

/** Code, verdict, whom it names, and the round in which it is found. */
type Expected = readonly [AbortCode | readonly AbortCode[], Verdict, readonly number[], number]

const BAN: Expected = ['BAD_OT_CHECK', 'ban', [CHEAT], 1]
const ECHO: Expected = ['ECHO_MISMATCH', 'retry', [], 2]
const OPENING: Expected = ['BAD_COMMITMENT', 'strike', [CHEAT], 2]
const PRODUCT: Expected = [['BAD_MULTIPLICATION', 'BAD_ENCODING'], 'strike', [CHEAT], 2]
const POINT: Expected = [['BAD_GAMMA', 'BAD_ENCODING'], 'strike', [CHEAT], 2]
const NOBODY: Expected = ['UNATTRIBUTED', 'retry', [], 3]

const FIELDS: readonly (readonly [string, number, Field, Expected])[] = [
  ['tag', 1, OFFER.tag, ['MISMATCH', 'retry', [], 1]],
  ['S6 com', 1, OFFER.commitment, ECHO],
  ['S5 nb', 1, OFFER.nb, BAN],
  ['S5 u', 1, OFFER.u, BAN],
  ['S5 x̃', 1, OFFER.xTilde, BAN],
  ['S5 h', 1, OFFER.h, BAN],
  ['tag', 2, REPLY.tag, ['MISMATCH', 'retry', [], 2]],
  ['S6 E1', 2, REPLY.echo, ECHO],
  ['S10 na', 2, REPLY.na, PRODUCT],
  ['S10 ã', 2, REPLY.aTilde, PRODUCT],
  ['S10 η', 2, REPLY.eta, PRODUCT],
  ['S10 μ', 2, REPLY.mu, PRODUCT],
  ['S11 Γ^u', 2, REPLY.gammaU, POINT],
  ['S12 Γ^v', 2, REPLY.gammaV, POINT],
  ['S12 pk', 2, REPLY.pk, POINT],
  ['S7 R', 2, REPLY.R, OPENING],
  ['S7 salt', 2, REPLY.salt, OPENING],
  ['S28 ψ', 2, REPLY.psi, NOBODY],
  ['S15 E2', 3, FINAL.echo, ['ECHO_MISMATCH', 'retry', [], 3]],
  ['S28 u′', 3, FINAL.u, NOBODY],
  ['S28 w', 3, FINAL.w, NOBODY],
]

describe('one bit turned over', () => {
  test.each(FIELDS)('%s of round %i ends as listed', async (name, round, field, [codes, verdict, culprits, found]) => {
    const lowest = 8 * field.bytes - 8
    const somewhere = seeded(`${name} ${round}`)(4).reduce((sum, byte) => 256 * sum + byte, 0) % (8 * field.bytes)
    for (const bit of [lowest, somewhere]) {
      const { abort } = await abortAfter(edited(round, (body) => flip(body, field, bit)))
      expect([codes].flat()).toContain(abort.code)
      expect(abort).toMatchObject({ verdict, culprits, round: found })
    }
  })

  test.each([
    ['r', ANSWER.r],
    ['s', ANSWER.s],
    ['recovery id', ANSWER.recovery],
  ])('S28 %s of the finished signature is noticed by the party that only receives it', async (_name, field) => {
    const tamper = edited(4, (body) => flip(body, field, 0), VICTIM)
    const simulation = await signAll(key, { message, assembler: partyIndex(VICTIM) }, { backend, tamper })
    expect(abortOf(simulation, CHEAT)).toMatchObject({ code: 'UNATTRIBUTED', verdict: 'retry' })
  })

  test('S24 E2 of a presignature leaves both without one', async () => {
    const simulation = await presignAll(key, { backend, tamper: edited(3, (body) => flip(body, FINAL.echo, 0)) })
    expect(abortOf(simulation, VICTIM)).toMatchObject({
      code: 'ECHO_MISMATCH',
      round: 3,
      verdict: 'retry',
      culprits: [],
    })
  })
})

describe('an encoding that is not canonical', () => {
  const ff = (bytes: number) => new Uint8Array(bytes).fill(0xff)
  const point = (hex: string) => Uint8Array.from(Buffer.from(hex.padEnd(66, '0'), 'hex'))
  const zeros = '0'.repeat(63)

  test.each([
    ['S9 ψ', REPLY.psi, ff(32)],
    ['S9 η', REPLY.eta, ff(32)],
    ['S9 ã, the last of its scalars', { at: REPLY.aTilde.at + REPLY.aTilde.bytes - 32, bytes: 32 }, ff(32)],
    ['S8 Γ^u off the curve', REPLY.gammaU, point(`02${zeros}7`)],
    ['S8 Γ^v with x ≥ p', REPLY.gammaV, Uint8Array.of(2, ...ff(32))],
    ['S8 pk of a hybrid form', REPLY.pk, point('06')],
    ['S8 Γ^u at infinity', REPLY.gammaU, new Uint8Array(33)],
  ])('%s is a strike against its sender', async (_name, field, value) => {
    const { abort } = await abortAfter(edited(2, (body) => write(body, field, value)))
    expect(abort).toMatchObject({ code: 'BAD_ENCODING', round: 2, verdict: 'strike', culprits: [CHEAT] })
  })

  test.each([
    ['S9 u′', FINAL.u],
    ['S9 w', FINAL.w],
  ])('%s is a strike in round 3', async (_name, field) => {
    const { abort } = await abortAfter(edited(3, (body) => write(body, field, ff(32))))
    expect(abort).toMatchObject({ code: 'BAD_ENCODING', round: 3, verdict: 'strike', culprits: [CHEAT] })
  })

  test('S9 a recovery id of 4 is none', async () => {
    const tamper = edited(4, (body) => write(body, ANSWER.recovery, Uint8Array.of(4)), VICTIM)
    const simulation = await signAll(key, { message, assembler: partyIndex(VICTIM) }, { backend, tamper })
    expect(abortOf(simulation, CHEAT)).toMatchObject({ code: 'BAD_ENCODING', round: 4, culprits: [VICTIM] })
  })
})

test('S5 after a failed check nothing more leaves the party, and the slot stays open', async () => {
  const { simulation } = await abortAfter(edited(1, (body) => flip(body, OFFER.u, 0)))
  const own = simulation.events.filter(({ party }) => party === VICTIM)
  expect(own.map((event) => ('sent' in event ? event.sent.round : event.recorded.entry))).toEqual([1, 'open'])
})

test('a pair tag that differs is found before the slot is opened', async () => {
  const { simulation } = await abortAfter(edited(1, (body) => flip(body, OFFER.tag, 0)))
  expect(simulation.events.some((event) => event.party === VICTIM && 'recorded' in event)).toBe(false)
})

test('S28 a wrong ψ spoils the signature and nothing of it is stored or sent', async () => {
  const { simulation } = await abortAfter(edited(2, (body) => flip(body, REPLY.psi, 8 * 31)))
  expect(simulation.events.some((event) => 'recorded' in event && event.recorded.entry === 'store')).toBe(false)
  expect(sentBy(simulation).some(({ round }) => round === 4)).toBe(false)
})
