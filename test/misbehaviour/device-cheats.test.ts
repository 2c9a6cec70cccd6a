import { type KeygenResult, q, toBytes32 } from '@tandem/ecdsa'
import { type PartyIndex, partyIndex } from '@tandem/rounds'
import { concat } from '../../shared/ecdsa/src/math/bytes.ts'
import { randomScalar } from '../../shared/ecdsa/src/math/scalar.ts'
import { fast, remembering } from '../helpers/backends.ts'
import { keygenParties } from '../helpers/keygen.ts'
import { valueAt } from '../helpers/reference/shamir.ts'
import { refreshed, simulateRefresh } from '../helpers/refresh.ts'
import { type SeededRng, seeded } from '../helpers/rng.ts'
import { type Field, write } from '../helpers/signing-fields.ts'
import { abortOf, outputs, sentBy, type Simulation, simulate, type Tamper } from '../helpers/simulate.ts'

// A device (party 4) and 2 of 3 nodes, of whom the device, or node 3, lies: to the other nodes, or to the device alone.

const backend = remembering(fast)
const shape = { threshold: 3, parties: 4, withDevice: true } as const
const FOUR = [1, 2, 3, 4].map(partyIndex) as [PartyIndex, PartyIndex, PartyIndex, PartyIndex]
const [alice, bob, carol, DEVICE] = FOUR
const NODES = [alice, bob, carol]
const run = (tamper?: Tamper) => simulate(keygenParties({ ...shape, backend }), { ...(tamper && { tamper }) })
const honest = await run()
const key = outputs(honest)
const refresh = (tamper: Tamper) => simulateRefresh(key, { backend, tamper })

/** Round 2: of a node’s key generation, of the device’s, and of a node’s refresh. */
const NODE = { slope: { at: 65, bytes: 33 }, part: { at: 195, bytes: 32 } } as const satisfies Record<string, Field>
const OWN = { constant: { at: 32, bytes: 33 }, proof: { at: 97, bytes: 65 } } as const satisfies Record<string, Field>
const REFRESH = {
  ...{ constant: { at: 0, bytes: 33 }, slope: { at: 33, bytes: 33 }, part: { at: 66, bytes: 32 } },
} as const satisfies Record<string, Field>

const edit =
  (from: number, to: number | 'all', field: Field, value: Uint8Array): Tamper =>
  (m) =>
    m.round === 2 && m.from === from && (to === 'all' || m.to === to) ? write(m.body, field, value) : m
const blamed = (code: string, ...culprits: PartyIndex[]) => ({ code, round: 2, culprits, verdict: 'strike' })
const malformed = (culprit: PartyIndex) => ({ code: 'MALFORMED', round: 2, culprits: [culprit] })
const pointOf = (k: bigint) => fast.encode(fast.mulBase(k))
const offCurve = Uint8Array.of(2, ...toBytes32(5n))
/** a_0 and a_1 of a party: its first draws. */
const drawn = (rng: SeededRng): [bigint, bigint] => [randomScalar(rng), randomScalar(rng)]

describe('a new key', () => {
  test('K7 a node that deals another node a wrong share is named by it', async () => {
    const right = valueAt(drawn(seeded('keygen').fork(3)), 1)
    for (const error of [1n, q - 1n]) {
      const sim = await run(edit(carol, alice, NODE.part, toBytes32((right + error) % q)))
      expect(abortOf(sim, alice)).toMatchObject(blamed('BAD_SHARE', carol))
      for (const party of [bob, DEVICE]) {
        expect(abortOf(sim, party)).toMatchObject({ code: 'SILENT_PEER', round: 3, culprits: [alice] })
      }
      expectNothingStored(sim)
    }
  })

  test('K3 a device that shares its constant, or a node that does not share its own, is of another length', async () => {
    const more: Tamper = (m) =>
      m.round === 2 && m.from === DEVICE ? concat(m.body.slice(0, 65), pointOf(7n), m.body.slice(65)) : m
    const less: Tamper = (m) => (m.round === 2 && m.from === carol ? concat(m.body.slice(0, 65), m.body.slice(98)) : m)
    const dealt: Tamper = (m) =>
      m.round === 2 && m.from === DEVICE ? concat(m.body.slice(0, 162), toBytes32(7n), m.body.slice(162)) : m
    expect(abortOf(await run(more), alice)).toMatchObject(malformed(DEVICE))
    expect(abortOf(await run(dealt), alice)).toMatchObject(malformed(DEVICE))
    for (const party of [alice, DEVICE]) expect(abortOf(await run(less), party)).toMatchObject(malformed(carol))
  })

  test('K4 a constant of the device that is no point is refused by every node', async () => {
    for (const point of [offCurve, new Uint8Array(33)]) {
      const sim = await run(edit(DEVICE, 'all', OWN.constant, point))
      for (const party of NODES) expect(abortOf(sim, party)).toMatchObject(blamed('BAD_ENCODING', DEVICE))
    }
  })

  test('K5 a device that chooses its constant after it saw the nodes’, to know the key, is named', async () => {
    const committee = NODES.map((i) => fast.mulBase(drawn(seeded('keygen').fork(i))[0])).reduce((a, b) =>
      fast.add(a, b),
    )
    const rogue = fast.encode(fast.add(fast.mulBase(7n), fast.negate(committee)))
    const sim = await run(edit(DEVICE, 'all', OWN.constant, rogue))
    for (const party of NODES) expect(abortOf(sim, party)).toMatchObject(blamed('BAD_COMMITMENT', DEVICE))
  })

  test('K6 a device that does not know its constant is named', async () => {
    const theirs = sentBy(honest)
      .find((m) => m.from === alice && m.round === 2)!
      .body.slice(130, 195)
    const sim = await run(edit(DEVICE, 'all', OWN.proof, theirs))
    for (const party of NODES) expect(abortOf(sim, party)).toMatchObject(blamed('BAD_PROOF', DEVICE))
  })

  test('K8 a device that cancels the nodes’ constants makes no key', async () => {
    const sum = NODES.reduce((total, i) => total + drawn(seeded('keygen').fork(i))[0], 0n)
    const rngOf = (self: PartyIndex, rng: SeededRng | ((n: number) => Uint8Array)) =>
      self === DEVICE ? firstDraw(rng, toBytes32((3n * q - sum) % q)) : rng
    const sim = await simulate(keygenParties({ ...shape, backend, rngOf }))
    for (const party of FOUR) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [] })
    }
  })

  test('K9 a device that confirms something else stops everybody, and nobody is accused', async () => {
    const sim = await run((m) => (m.round === 3 && m.from === DEVICE ? m.body.with(0, m.body[0]! ^ 1) : m))
    for (const party of NODES) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'ECHO_MISMATCH', round: 3, culprits: [] })
    }
    expect(sim.events.filter((event) => 'recorded' in event && event.party !== DEVICE)).toEqual([])
  })

  test('K10 is not complete without the acknowledgement of the device', async () => {
    const sim = await run((m) => (m.round === 4 && m.from === DEVICE ? new Uint8Array(64) : m))
    for (const party of NODES) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'BAD_PROOF', round: 4, culprits: [DEVICE] })
    }
  })
})

describe('a refresh', () => {
  const [delta, slope] = drawn(seeded('refresh').fork(3))

  test('L8 a node that sends the device another δ than it published is named by the device, and no epoch comes', async () => {
    for (const lie of [(delta + 1n) % q, 0n]) {
      const sim = await refresh(edit(carol, DEVICE, REFRESH.part, toBytes32(lie)))
      expect(abortOf(sim, DEVICE)).toMatchObject(blamed('BAD_SHARE', carol))
      for (const party of [alice, bob]) {
        expect(abortOf(sim, party)).toMatchObject({ code: 'SILENT_PEER', round: 3, culprits: [DEVICE] })
      }
      expectNothingStored(sim)
    }
  })

  test('K7 L1 a node that deals another node a part off its polynomial is named by it', async () => {
    const sim = await refresh(edit(carol, alice, REFRESH.part, toBytes32(valueAt([delta, slope], 2))))
    expect(abortOf(sim, alice)).toMatchObject(blamed('BAD_SHARE', carol))
    expectNothingStored(sim)
  })

  test('K4 a δ of q or more, or a constant of zero, is refused', async () => {
    const large = await refresh(edit(carol, DEVICE, REFRESH.part, toBytes32(q)))
    expect(abortOf(large, DEVICE)).toMatchObject(blamed('BAD_ENCODING', carol))
    const zero = await refresh(edit(carol, 'all', REFRESH.constant, new Uint8Array(33)))
    for (const party of [alice, bob, DEVICE]) expect(abortOf(zero, party)).toMatchObject(blamed('BAD_ENCODING', carol))
  })

  test('K5 a node that publishes another δ·G to the device than it committed to is named', async () => {
    const value = concat(pointOf(7n), pointOf(slope), toBytes32(7n))
    const sim = await refresh(edit(carol, DEVICE, { at: 0, bytes: 98 }, value))
    expect(abortOf(sim, DEVICE)).toMatchObject(blamed('BAD_COMMITMENT', carol))
  })

  test('K3 a device that deals, or a node that leaves its constant out, is of another length', async () => {
    const deals = await refresh((m) => (m.round === 2 && m.from === DEVICE ? concat(pointOf(7n), m.body) : m))
    expect(abortOf(deals, alice)).toMatchObject(malformed(DEVICE))
    const omits = await refresh((m) => (m.round === 2 && m.from === carol ? m.body.slice(33) : m))
    expect(abortOf(omits, DEVICE)).toMatchObject(malformed(carol))
  })

  test('L2 a device that brings an old share finds that it fits no more', async () => {
    const renewed = await refreshed(key, { backend, seed: 'first' })
    const sim = await simulateRefresh(renewed, {
      backend,
      setupOf: (self, { share, stageId }) =>
        self === DEVICE ? { stageId, share: { ...share, secret: key[3]!.share.secret } } : { share, stageId },
    })
    expect(abortOf(sim, DEVICE)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [] })
    expectNothingStored(sim)
  })

  test('L2 shares of another X than the one on record are refused by everybody', async () => {
    const publicKey = pointOf(7n)
    const setupOf = (_: PartyIndex, { share, stageId }: { share: KeygenResult['share']; stageId: Uint8Array }) => ({
      stageId,
      share: { ...share, publicKey },
    })
    const sim = await simulateRefresh(key, { backend, setupOf })
    for (const party of FOUR) expect(abortOf(sim, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 2 })
  })
})

function firstDraw(rng: (n: number) => Uint8Array, value: Uint8Array) {
  let drawnBefore = false
  return (n: number) => {
    const honestly = rng(n)
    if (n !== 32 || drawnBefore) return honestly
    drawnBefore = true
    return value.slice()
  }
}

function expectNothingStored<Out>(sim: Simulation<Out>): void {
  expect(sim.events.filter((event) => 'recorded' in event)).toEqual([])
  expect(sentBy(sim).filter(({ round }) => round === 4)).toEqual([])
}
