import { fromBytesBE, type KeygenResult, q, toBytes32 } from '@tandem/ecdsa'
import { type Message, partyIndex, type ProtocolAbort } from '@tandem/rounds'
import { concat } from '../../shared/ecdsa/src/math/bytes.ts'
import { randomScalar } from '../../shared/ecdsa/src/math/scalar.ts'
import { proveDlog } from '../../shared/ecdsa/src/proof/dlog.ts'
import { fast, remembering } from '../helpers/backends.ts'
import { keygenParties } from '../helpers/keygen.ts'
import { valueAt } from '../helpers/reference/shamir.ts'
import { refreshed, simulateRefresh } from '../helpers/refresh.ts'
import { type SeededRng, seeded } from '../helpers/rng.ts'
import { type Field, write } from '../helpers/signing-fields.ts'
import { abortOf, outputs, sentBy, type Simulation, simulate, type Tamper } from '../helpers/simulate.ts'

// Dealers of a 2-of-3 and of a 3-of-5 key that lie: in their points, in their shares, to one and not to another.

const backend = remembering(fast)
const [alice, bob, carol] = [1, 2, 3].map(partyIndex)
const run = (tamper?: Tamper) =>
  simulate(keygenParties({ threshold: 2, parties: 3, backend }), { ...(tamper && { tamper }) })
const honest = await run()
const key = outputs(honest)
const refresh = (tamper: Tamper) => simulateRefresh(key, { backend, tamper })

/** Round 2 of key generation for t = 2, and of a refresh. */
const KEYGEN = {
  ...{ salt: { at: 0, bytes: 32 }, constant: { at: 32, bytes: 33 }, slope: { at: 65, bytes: 33 } },
  ...{ cc: { at: 98, bytes: 32 }, proof: { at: 130, bytes: 65 }, part: { at: 195, bytes: 32 } },
} as const satisfies Record<string, Field>
const REFRESH = { slope: { at: 0, bytes: 33 }, part: { at: 33, bytes: 32 } } as const satisfies Record<string, Field>

/** a_0 and a_1 of a party: its first draws. */
function drawn(rng: SeededRng): [bigint, bigint] {
  return [randomScalar(rng), randomScalar(rng)]
}
const edit =
  (from: number | undefined, to: number, field: Field, value: (sent: Message) => Uint8Array): Tamper =>
  (m) =>
    m.round === 2 && m.from === from && m.to === to ? write(m.body, field, value(m)) : m
const blamed = (code: string) => ({ code, round: 2, culprits: [carol], verdict: 'strike' })
const points: [string, Uint8Array][] = [
  ['off the curve', Uint8Array.of(2, ...toBytes32(5n))],
  ['with x ≥ p', Uint8Array.of(3, ...new Uint8Array(32).fill(0xff))],
  ['of zeros', new Uint8Array(33)],
  ['with a hybrid prefix', Uint8Array.of(6, ...fast.encode(fast.mulBase(3n)).slice(1))],
]

describe('a dealer of a new key', () => {
  test('K7 is named, whatever it adds to the share it dealt, by the one it lied to', async () => {
    const [a0, a1] = drawn(seeded('keygen').fork(3))
    for (const error of [1n, q - 1n, 2n ** 128n, q - valueAt([a0, a1], 1)]) {
      const part = toBytes32((valueAt([a0, a1], 1) + error) % q)
      const sim = await run(edit(carol, 1, KEYGEN.part, () => part))
      expect(abortOf(sim, 1)).toMatchObject(blamed('BAD_SHARE'))
      expect(abortOf(sim, 2)).toMatchObject({ code: 'SILENT_PEER', round: 3, culprits: [alice] })
    }
  })

  test('K7 who deals one the share of another is named', async () => {
    const sim = await run(edit(carol, 1, KEYGEN.part, () => toBytes32(valueAt(drawn(seeded('keygen').fork(3)), 2))))
    expect(abortOf(sim, 1)).toMatchObject(blamed('BAD_SHARE'))
  })

  test('K7 all who lie are named, not only the first', async () => {
    const sim = await run((m) => (m.round === 2 && m.to === 1 ? write(m.body, KEYGEN.part, toBytes32(5n)) : m))
    expect(abortOf(sim, 1)).toMatchObject({ code: 'BAD_SHARE', round: 2, culprits: [bob, carol] })
  })

  test('K4 a share of q or more, though it is the right one modulo q', async () => {
    for (const part of [q, 2n ** 256n - 1n]) {
      const sim = await run(edit(carol, 1, KEYGEN.part, () => toBytes32(part)))
      expect(abortOf(sim, 1)).toMatchObject(blamed('BAD_ENCODING'))
    }
  })

  test.each(points)('K4 a coefficient %s, of either degree (#22)', async (_, point) => {
    for (const field of [KEYGEN.constant, KEYGEN.slope]) {
      expect(abortOf(await run(edit(carol, 1, field, () => point)), 1)).toMatchObject(blamed('BAD_ENCODING'))
    }
  })

  test('K5 cannot change a coefficient after it committed, with the share that goes with it (#20)', async () => {
    const [a0] = drawn(seeded('keygen').fork(3))
    const [slope, part] = [fast.encode(fast.mulBase(7n)), toBytes32((a0 + 7n) % q)]
    const tamper: Tamper = (m) =>
      m.round === 2 && m.from === carol ? write(write(m.body, KEYGEN.slope, slope), KEYGEN.part, part) : m
    const sim = await run(tamper)
    for (const party of [1, 2]) expect(abortOf(sim, party)).toMatchObject(blamed('BAD_COMMITMENT'))
  })

  test('K6 a proof that binds other higher coefficients is none', async () => {
    const { ssid } = key[0]!.share
    const [a0] = drawn(seeded('keygen').fork(3))
    const A = fast.encode(fast.mulBase(a0))
    const proof = proveDlog(fast, { ssid, prover: 3, A, higher: [] }, a0, seeded('proof'))
    expect(abortOf(await run(edit(carol, 1, KEYGEN.proof, () => proof)), 1)).toMatchObject(blamed('BAD_PROOF'))
  })

  test('K3 a polynomial of another degree is of another length (threshold raising, #21)', async () => {
    const more: Tamper = (m) => (m.round === 2 && m.from === carol ? concat(m.body.slice(0, 98), m.body.slice(65)) : m)
    const less: Tamper = (m) => (m.round === 2 && m.from === carol ? concat(m.body.slice(0, 65), m.body.slice(98)) : m)
    const additive: Tamper = (m) =>
      m.round === 2 && m.from === carol ? concat(m.body.slice(0, 195), m.body.slice(227)) : m
    for (const tamper of [more, less, additive]) {
      expect(abortOf(await run(tamper), 1)).toMatchObject({ code: 'MALFORMED', round: 2, culprits: [carol] })
    }
  })

  test('K8 a share that cancels to zero is refused by everybody (#22)', async () => {
    // f_3 is chosen so that Σ f_j(1) = 0: party 3 would have to know the others' polynomials, which are committed
    const others = [1, 2].map((i) => valueAt(drawn(seeded('keygen').fork(i)), 1))
    const [a0] = drawn(seeded('keygen').fork(3))
    const slope = (2n * q - others[0]! - others[1]! + q - a0) % q
    const parties = keygenParties({
      ...{ threshold: 2, parties: 3, backend },
      rngOf: (self, rng) => (self === carol ? nthDraw(rng, 2, toBytes32(slope)) : rng),
    })
    const sim = await simulate(parties)
    for (const party of [1, 2, 3]) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [] })
    }
  })
})

describe('a dealer of a refresh', () => {
  test('K7 L1 is named, whatever it adds to the share it dealt: also a constant that would move the key', async () => {
    const rng = seeded('refresh').fork(3)
    const slope = randomScalar(rng)
    for (const error of [1n, q - 1n, fromBytesBE(key[2]!.share.secret)]) {
      const part = toBytes32((slope + error) % q)
      const sim = await refresh(edit(carol, 1, REFRESH.part, () => part))
      expect(abortOf(sim, 1)).toMatchObject(blamed('BAD_SHARE'))
      expect(abortOf(sim, 2)).toMatchObject({ code: 'SILENT_PEER', round: 3, culprits: [alice] })
      expectUntouched(sim)
    }
  })

  test('K7 L1 all who lie are named, not only the first', async () => {
    const sim = await refresh((m) => (m.round === 2 && m.to === 1 ? write(m.body, REFRESH.part, toBytes32(5n)) : m))
    expect(abortOf(sim, 1)).toMatchObject({ code: 'BAD_SHARE', round: 2, culprits: [bob, carol] })
  })

  test.each(points)('K4 a coefficient %s', async (_, point) => {
    expect(abortOf(await refresh(edit(carol, 1, REFRESH.slope, () => point)), 1)).toMatchObject(blamed('BAD_ENCODING'))
  })

  test('K4 a share of q or more', async () => {
    const sim = await refresh(edit(carol, 1, REFRESH.part, () => toBytes32(q)))
    expect(abortOf(sim, 1)).toMatchObject(blamed('BAD_ENCODING'))
  })

  test('K5 cannot change its polynomial after it committed', async () => {
    const value = concat(fast.encode(fast.mulBase(7n)), toBytes32(7n))
    const sim = await refresh(edit(carol, 1, { at: 0, bytes: 65 }, () => value))
    expect(abortOf(sim, 1)).toMatchObject(blamed('BAD_COMMITMENT'))
  })

  test('K3 L1 a constant cannot even be said: a body with one is too long', async () => {
    const sim = await refresh((m) =>
      m.round === 2 && m.from === carol ? concat(fast.encode(fast.mulBase(1n)), m.body) : m,
    )
    expect(abortOf(sim, 1)).toMatchObject({ code: 'MALFORMED', round: 2, culprits: [carol] })
  })

  test('L2 shares of another X than the one on record are refused by everybody', async () => {
    const publicKey = fast.encode(fast.mulBase(7n))
    const sim = await simulateRefresh(key, {
      backend,
      setupOf: (_, { share, stageId }) => ({ stageId, share: { ...share, publicKey } }),
    })
    for (const party of [1, 2, 3]) expect(abortOf(sim, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 2 })
  })

  test('L2 a share that cancels to zero is refused by everybody (#22)', async () => {
    const slopes = [1, 2].map((i) => randomScalar(seeded('refresh').fork(i)))
    const zeroing = (3n * q - fromBytesBE(key[0]!.share.secret) - slopes[0]! - slopes[1]!) % q
    const sim = await simulateRefresh(key, {
      backend,
      rngOf: (self, rng) => (self === carol ? nthDraw(rng, 1, toBytes32(zeroing)) : rng),
    })
    for (const party of [1, 2, 3]) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [] })
    }
  })

  test('the old shares work after all of it', async () => {
    const renewed = await refreshed(key, { backend })
    expect(renewed[0]!.share.publicKey).toEqual(key[0]!.share.publicKey)
  })
})

/** The `n`-th draw of 32 bytes is this one. */
function nthDraw(rng: SeededRng | ((n: number) => Uint8Array), n: number, value: Uint8Array) {
  let draws = 0
  return (bytes: number) => {
    const honestly = rng(bytes)
    if (bytes !== 32) return honestly
    draws++
    return draws === n ? value.slice() : honestly
  }
}

function expectUntouched(sim: Simulation<KeygenResult>): void {
  expect(sim.events.filter((event) => 'recorded' in event)).toEqual([])
  expect(sentBy(sim).filter(({ round }) => round === 4)).toEqual([])
  const aborts = [...sim.outcomes.values()].map((outcome) => (outcome as { abort: ProtocolAbort }).abort)
  expect(aborts).toHaveLength(3)
}
