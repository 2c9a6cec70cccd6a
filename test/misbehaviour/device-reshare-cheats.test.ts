import {
  checkHandover,
  checkStatement,
  fromBytesBE,
  handoverStatement,
  type KeygenResult,
  reshare,
  type ReshareSetup,
  q,
  toBytes32,
} from '@tandem/ecdsa'
import { type PartyIndex, partyIndex, UsageError } from '@tandem/rounds'
import { concat } from '../../shared/ecdsa/src/math/bytes.ts'
import { randomScalar } from '../../shared/ecdsa/src/math/scalar.ts'
import { fast, remembering } from '../helpers/backends.ts'
import { identityOf, keygenDeps, keygenParties, signAs } from '../helpers/keygen.ts'
import { attested, type Move, reshareSetups, simulateReshare } from '../helpers/reshare.ts'
import { seeded } from '../helpers/rng.ts'
import { type Field, write } from '../helpers/signing-fields.ts'
import { abortOf, outputs, sentBy, type Simulation, simulate, type Tamper } from '../helpers/simulate.ts'

// The nodes beside a device hand the rest of the key to others: 2 of 3 to 2 of 3. One of the dealers lies, to the new
// nodes or to the device; or somebody would be rid of the device.

const backend = remembering(fast)
const key = outputs(await simulate(keygenParties({ threshold: 3, parties: 4, withDevice: true, backend })))

/** Round 2 of a dealer. */
const DEALT = {
  ...{ constant: { at: 0, bytes: 33 }, slope: { at: 33, bytes: 33 }, delta: { at: 66, bytes: 33 } },
  part: { at: 99, bytes: 32 },
} as const satisfies Record<string, Field>

// places: 1 is person 3, who deals and stays; 2 and 3 join; 4 is the device; 5 is person 1, who deals and leaves
const move: Move = { dealers: [1, 3], members: [3, 5, 6, 4], threshold: 3 }
const PLACES = [1, 2, 4, 5].map(partyIndex) as [PartyIndex, PartyIndex, PartyIndex, PartyIndex]
const [STAYS, JOINS, DEVICE, LEAVES] = PLACES
const reshareWith = (tamper: Tamper) => simulateReshare(key, move, { backend, tamper })
const delta = randomScalar(seeded('reshare').fork(LEAVES))
const setups = reshareSetups(key, move)
const start = (place: PartyIndex, change: Partial<ReshareSetup>) => () =>
  reshare({ ...setups.get(place)!, ...change }, keygenDeps(place)).next()
const edit =
  (from: number, to: number, field: Field, value: Uint8Array): Tamper =>
  (m) =>
    m.round === 2 && m.from === from && m.to === to ? write(m.body, field, value) : m
const blamed = (code: string, ...culprits: PartyIndex[]) => ({ code, round: 2, culprits, verdict: 'strike' })
const malformed = (culprit: PartyIndex) => ({ code: 'MALFORMED', round: 2, culprits: [culprit] })
const pointOf = (k: bigint) => fast.encode(fast.mulBase(k))

describe('a reshare under the device', () => {
  test('L8 a dealer that sends the device another δ than it published is named by the device', async () => {
    for (const lie of [(delta + 1n) % q, 0n]) {
      const sim = await reshareWith(edit(LEAVES, DEVICE, DEALT.part, toBytes32(lie)))
      expect(abortOf(sim, DEVICE)).toMatchObject(blamed('BAD_SHARE', LEAVES))
      expectNothingStored(sim)
    }
  })

  test('L1 a dealer whose constant and δ·G do not differ by its weighted share is named by everybody', async () => {
    // consistent to the device and in its commitment, which its own machine made: only the difference is not w·s
    const secret = toBytes32((fromBytesBE(key[0]!.share.secret) + 1n) % q)
    const setupOf = (place: PartyIndex, setup: ReshareSetup) =>
      place === LEAVES ? { ...setup, share: { ...setup.share!, secret } } : setup
    const careless = { ...backend, equal: () => true }
    const sim = await simulateReshare(key, move, {
      backendOf: (place) => (place === LEAVES ? careless : backend),
      setupOf,
    })
    for (const party of [STAYS, JOINS, DEVICE]) {
      expect(abortOf(sim, party)).toMatchObject(blamed('BAD_SHARE', LEAVES))
    }
    expectNothingStored(sim)
  })

  test('K7 a dealer that deals a new node a wrong share is named by it', async () => {
    const sim = await reshareWith(edit(LEAVES, JOINS, DEALT.part, toBytes32(5n)))
    expect(abortOf(sim, JOINS)).toMatchObject(blamed('BAD_SHARE', LEAVES))
  })

  test('K5 K4 δ·G is committed to, and a point', async () => {
    const other = await reshareWith(edit(LEAVES, DEVICE, DEALT.delta, pointOf(7n)))
    expect(abortOf(other, DEVICE)).toMatchObject(blamed('BAD_COMMITMENT', LEAVES))
    const none = await reshareWith(edit(LEAVES, DEVICE, DEALT.delta, Uint8Array.of(2, ...toBytes32(5n))))
    expect(abortOf(none, DEVICE)).toMatchObject(blamed('BAD_ENCODING', LEAVES))
  })

  test('K3 a dealer without δ·G says too little, a device that deals too much', async () => {
    const little = await reshareWith((m) =>
      m.round === 2 && m.from === LEAVES ? concat(m.body.slice(0, 66), m.body.slice(99)) : m,
    )
    expect(abortOf(little, JOINS)).toMatchObject(malformed(LEAVES))
    const much = await reshareWith((m) => (m.round === 2 && m.from === DEVICE ? concat(pointOf(7n), m.body) : m))
    expect(abortOf(much, JOINS)).toMatchObject(malformed(DEVICE))
  })

  test('L2 a device with a share of another epoch’s secret is found out by itself', async () => {
    const setupOf = (place: PartyIndex, setup: ReshareSetup) =>
      place === DEVICE ? { ...setup, share: { ...setup.share!, secret: toBytes32(5n) } } : setup
    const sim = await simulateReshare(key, move, { backend, setupOf })
    expect(abortOf(sim, DEVICE)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [] })
    expectNothingStored(sim)
  })

  test('L1 a statement is believed with the device’s signature and two nodes’, not with one of these missing', () => {
    const [{ share }] = key as [KeygenResult]
    expect(() => checkStatement(fast, share, attested(share, [1, 2, 4]))).not.toThrow()
    for (const by of [[1, 2, 3], [1, 4], [4], [1, 2]]) {
      expect(() => checkStatement(fast, share, attested(share, by))).toThrow(UsageError)
    }
  })

  test('L1 a statement of a key without a device is not one of a key with it', () => {
    const [{ share }] = key as [KeygenResult]
    const { withDevice: _, ...plain } = share
    expect(() => checkStatement(fast, plain, attested(share, [1, 2, 4]))).toThrow(UsageError)
    expect(() => checkStatement(fast, share, attested(plain, [1, 2, 3, 4]))).toThrow(UsageError)
  })

  test('K2 the device can neither go, nor come, nor be replaced, nor join without its share', () => {
    const { next } = setups.get(JOINS)!
    const identities = next.identities.with(-1, identityOf(9))
    expect(start(JOINS, { next: { ...next, identities } })).toThrow(UsageError)
    expect(start(JOINS, { next: { threshold: 3, identities: next.identities } })).toThrow(UsageError)
    expect(start(DEVICE, { share: null })).toThrow(UsageError)
    expect(start(JOINS, {})).not.toThrow()
  })

  test('S1 the device is no dealer, and two nodes deal, not one or three', () => {
    for (const dealers of [[1, 4], [1], [1, 2, 3], [1, 3, 4], [3, 1]]) {
      expect(start(JOINS, { dealers: dealers.map(partyIndex) })).toThrow(UsageError)
    }
  })

  test('L4 those who took no part believe the receipts of the device and two nodes, not of nodes alone', () => {
    const { keyId } = key[0]!.share
    const claim = { keyId, stageId: seeded('stage')(32), epoch: 0, conf: seeded('conf')(32) }
    const next = { threshold: 3, withDevice: true, identities: [1, 2, 3, 4].map(identityOf) }
    const from = (...people: number[]) =>
      new Map(people.map((j) => [partyIndex(j), signAs(j)(handoverStatement(fast, claim))]))
    expect(() => checkHandover(fast, claim, next, from(2, 3, 4))).not.toThrow()
    for (const people of [[1, 2, 3], [1, 4], [4]]) {
      expect(() => checkHandover(fast, claim, next, from(...people))).toThrow(UsageError)
    }
  })
})

function expectNothingStored<Out>(sim: Simulation<Out>): void {
  expect(sim.events.filter((event) => 'recorded' in event)).toEqual([])
  expect(sentBy(sim).filter(({ round }) => round === 4)).toEqual([])
}
