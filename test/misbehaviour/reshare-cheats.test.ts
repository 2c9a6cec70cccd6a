import { fromBytesBE, q, reshare, type ReshareResult, type ReshareSetup, toBytes32 } from '@tandem/ecdsa'
import { type PartyIndex, partyIndex, UsageError } from '@tandem/rounds'
import { concat } from '../../shared/ecdsa/src/math/bytes.ts'
import { randomScalar } from '../../shared/ecdsa/src/math/scalar.ts'
import { fast, remembering } from '../helpers/backends.ts'
import { identityOf, keygenParties, signAs } from '../helpers/keygen.ts'
import { basisAt } from '../helpers/reference/shamir.ts'
import { refreshed } from '../helpers/refresh.ts'
import { attested, joined, type Move, reshareSetups, simulateReshare } from '../helpers/reshare.ts'
import { seeded } from '../helpers/rng.ts'
import { type Field, write } from '../helpers/signing-fields.ts'
import { abortOf, outputs, sentBy, type Simulation, simulate, type Tamper } from '../helpers/simulate.ts'

// A 2-of-3 key goes to people 3, 4 and 5. Place 1 is person 3, who deals and stays; place 4 is person 1, who deals and
// leaves; places 2 and 3 join. Whatever anybody does, the old shares are what they were.

const backend = remembering(fast)
const key = outputs(await simulate(keygenParties({ threshold: 2, parties: 3, backend })))
const move: Move = { dealers: [1, 3], members: [3, 4, 5], threshold: 2 }
const [STAYS, JOINS, LEAVES] = [partyIndex(1), partyIndex(2), partyIndex(4)]
const ALL = [1, 2, 3, 4].map(partyIndex)
const run = (tamper: Tamper) => simulateReshare(key, move, { backend, tamper })
const honest = await simulateReshare(key, move, { backend })
const before = key.map(({ share }) => share.secret.slice())

/** Round 2 of a dealer to somebody who joins. */
const FIELDS = {
  ...{ constant: { at: 0, bytes: 33 }, slope: { at: 33, bytes: 33 }, part: { at: 66, bytes: 32 } },
} as const satisfies Record<string, Field>
const slopeOf = (place: PartyIndex) => randomScalar(seeded('reshare').fork(place))
const constantOf = (old: number) => (basisAt(old, [1, 3], 0) * fromBytesBE(key[old - 1]!.share.secret)) % q
const edit =
  (from: PartyIndex, to: PartyIndex | 'all', field: Field, value: Uint8Array): Tamper =>
  (m) =>
    m.round === 2 && m.from === from && (to === 'all' || m.to === to) ? write(m.body, field, value) : m
const blamed = (code: string, ...culprits: PartyIndex[]) => ({ code, round: 2, culprits, verdict: 'strike' })

afterEach(() => {
  expect(key.map(({ share }) => share.secret)).toEqual(before)
})

describe('a dealer', () => {
  test('L1 of another secret than its weighted share is named by everybody, also by a dealer that leaves', async () => {
    for (const [dealer, old] of [
      [LEAVES, 1],
      [STAYS, 3],
    ] as const) {
      // consistent in itself, committed to from the start: only the constant is not w·s
      const wrong = (constantOf(old) + 1n) % q
      const setupOf = (place: PartyIndex, setup: ReshareSetup) =>
        place === dealer ? { ...setup, share: liedShare(setup, old, wrong) } : setup
      const sim = await simulateReshare(key, move, {
        backendOf: (place) => (place === dealer ? blind() : backend),
        setupOf,
      })
      for (const party of ALL.filter((place) => place !== dealer)) {
        expect(abortOf(sim, party)).toMatchObject(blamed('BAD_SHARE', dealer))
      }
      expectNothingStored(sim)
    }
  })

  test('K7 of a wrong share is named by the one it lied to; nobody acknowledges, nobody erases (forget and forgive)', async () => {
    const right = (constantOf(1) + 2n * slopeOf(LEAVES)) % q
    for (const error of [1n, q - 1n, 2n ** 200n]) {
      const sim = await run(edit(LEAVES, JOINS, FIELDS.part, toBytes32((right + error) % q)))
      expect(abortOf(sim, JOINS)).toMatchObject(blamed('BAD_SHARE', LEAVES))
      expect(abortOf(sim, STAYS)).toMatchObject({ code: 'SILENT_PEER', round: 3, culprits: [JOINS] })
      expectNothingStored(sim)
    }
    expect(abortOf(await run(edit(LEAVES, JOINS, FIELDS.part, toBytes32(5n))), JOINS).culprits).toEqual([LEAVES])
  })

  test('K7 all who lie are named, not only the first', async () => {
    const sim = await run((m) =>
      m.round === 2 && m.to === JOINS && [1, 4].includes(m.from) ? write(m.body, FIELDS.part, toBytes32(5n)) : m,
    )
    expect(abortOf(sim, JOINS)).toMatchObject(blamed('BAD_SHARE', STAYS, LEAVES))
  })

  test('L8 of a wrong summand is named, where the new shares are additive', async () => {
    const two: Move = { dealers: [1, 3], members: [4, 5], threshold: 2 }
    const tamper = edit(partyIndex(3), partyIndex(1), FIELDS.part, toBytes32(5n))
    const sim = await simulateReshare(key, two, { backend, tamper })
    expect(abortOf(sim, 1)).toMatchObject(blamed('BAD_SHARE', partyIndex(3)))
  })

  test('K4 of points or shares that are none is named', async () => {
    const point = Uint8Array.of(2, ...toBytes32(5n))
    for (const [field, value] of [
      [FIELDS.constant, point],
      [FIELDS.slope, new Uint8Array(33)],
      [FIELDS.part, toBytes32(q)],
    ] as const) {
      expect(abortOf(await run(edit(LEAVES, JOINS, field, value)), JOINS)).toMatchObject(blamed('BAD_ENCODING', LEAVES))
    }
    const sim = await run(edit(STAYS, LEAVES, FIELDS.slope, point))
    expect(abortOf(sim, LEAVES)).toMatchObject(blamed('BAD_ENCODING', STAYS))
  })

  test('K5 that changes its polynomial after it committed is named', async () => {
    const [slope, part] = [fast.encode(fast.mulBase(7n)), toBytes32((constantOf(1) + 14n) % q)]
    const sim = await run((m) => {
      if (m.round !== 2 || m.from !== LEAVES || m.to !== JOINS) return m
      return write(write(m.body, FIELDS.slope, slope), FIELDS.part, part)
    })
    expect(abortOf(sim, JOINS)).toMatchObject(blamed('BAD_COMMITMENT', LEAVES))
  })

  test('K5 that deals differently to two others is named by both, if both differ from its commitment', async () => {
    const tamper: Tamper = (m) =>
      m.round === 2 && m.from === LEAVES && m.to < 3
        ? write(m.body, FIELDS.slope, fast.encode(fast.mulBase(BigInt(m.to))))
        : m
    const sim = await run(tamper)
    for (const party of [1, 2]) expect(abortOf(sim, party)).toMatchObject(blamed('BAD_COMMITMENT', LEAVES))
    expect(abortOf(sim, 3)).toMatchObject({ code: 'SILENT_PEER', round: 3 })
  })

  test('K1 K14 that commits differently to two others is found in the header of round 2, before a share is looked at', async () => {
    const sim = await run((m) =>
      m.round === 1 && m.from === LEAVES && m.to === JOINS ? m.body.with(40, m.body[40]! ^ 1) : m,
    )
    for (const party of [1, 2, 3])
      expect(abortOf(sim, party)).toMatchObject({ code: 'MISMATCH', round: 2, culprits: [] })
    expectNothingStored(sim)
  })

  test('K3 of another degree says too much or too little', async () => {
    for (const change of [
      (body: Uint8Array) => concat(body.slice(0, 33), body),
      (body: Uint8Array) => body.slice(33),
    ]) {
      const sim = await run((m) => (m.round === 2 && m.from === LEAVES ? change(m.body) : m))
      expect(abortOf(sim, JOINS)).toMatchObject({ code: 'MALFORMED', round: 2, culprits: [LEAVES] })
    }
  })
})

describe('sums that make no share', () => {
  test('L2 a share that cancels to zero is refused by everybody (#22)', async () => {
    const zeroing = (4n * q - constantOf(1) - constantOf(3) - slopeOf(STAYS)) % q
    let draws = 0
    const sim = await simulateReshare(key, move, {
      backend,
      rngOf: (place, rng) =>
        place !== LEAVES ? rng : (n) => (n === 32 && draws++ === 0 ? toBytes32(zeroing) : rng(n)),
    })
    for (const party of ALL) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [] })
    }
    expectNothingStored(sim)
  })

  test('L2 a share that is not the logarithm of its own point, a fault of our machine, is not kept', async () => {
    const { secret } = joined(honest)[1]!.share
    const faulty = { ...backend, mulBase: (k: bigint) => backend.mulBase(k === fromBytesBE(secret) ? k + 1n : k) }
    const sim = await simulateReshare(key, move, { backendOf: (place) => (place === JOINS ? faulty : backend) })
    expect(abortOf(sim, JOINS)).toMatchObject({ code: 'UNATTRIBUTED', round: 2 })
    expectNothingStored(sim)
  })

  test('K8 a dealer whose share is damaged finds it before it deals', async () => {
    const setupOf = (place: PartyIndex, setup: ReshareSetup) =>
      place === LEAVES ? { ...setup, share: { ...setup.share!, secret: toBytes32(5n) } } : setup
    const sim = await simulateReshare(key, move, { backend, setupOf })
    expect(abortOf(sim, LEAVES)).toMatchObject({ code: 'UNATTRIBUTED', round: 1, culprits: [] })
    expect(sentBy(sim).filter(({ from }) => from === LEAVES)).toEqual([])
  })
})

describe('those who join', () => {
  test('K9 are told if another saw something else', async () => {
    const sim = await run((m) =>
      m.round === 3 && m.from === STAYS && m.to === JOINS ? m.body.with(0, m.body[0]! ^ 1) : m,
    )
    expect(abortOf(sim, JOINS)).toMatchObject({ code: 'ECHO_MISMATCH', round: 3, culprits: [], verdict: 'retry' })
  })

  test('K10 have no certificate with an acknowledgement of another identity, protocol or place', async () => {
    const { conf } = joined(honest)[0]!.share
    expect(conf).toHaveLength(32)
    for (const lie of [sentBy(honest).find((m) => m.round === 4 && m.from === JOINS)!.body, new Uint8Array(64)]) {
      const sim = await run((m) => (m.round === 4 && m.from === STAYS && m.to === JOINS ? lie : m))
      expect(abortOf(sim, JOINS)).toMatchObject({ code: 'BAD_PROOF', round: 4, culprits: [STAYS] })
    }
  })

  test('K12 discard everything when a pair does not come about', async () => {
    const sim = await run((m) =>
      m.round === 3 && m.from === STAYS && m.to === JOINS ? m.body.with(5151, m.body[5151]! ^ 1) : m,
    )
    expect(abortOf(sim, JOINS)).toMatchObject({ code: 'BAD_PPRF', round: 3, culprits: [STAYS] })
  })

  test.each([1, 2])('name who is silent in round %i, and the old key is untouched', async (round) => {
    const sim = await run((m) => (m.round >= round && m.from === LEAVES ? undefined : m))
    for (const party of [1, 2, 3]) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'SILENT_PEER', round, culprits: [LEAVES], verdict: 'retry' })
    }
    expectNothingStored(sim)
  })
})

describe('a setup no honest party could have', () => {
  const setups = reshareSetups(key, move)
  const refused = (place: PartyIndex, change: (setup: ReshareSetup) => Partial<ReshareSetup>) => {
    const setup = setups.get(place)!
    const deps = { backend, rng: seeded('refused'), sign: signAs(4) }
    expect(() => reshare({ ...setup, ...change(setup) }, deps).next()).toThrow(UsageError)
  }
  const { share } = key[0]!
  const pinned = {
    keyId: share.keyId,
    publicKey: share.publicKey,
    threshold: share.threshold,
    identities: share.identities,
  }

  test('L1 a statement of another key, threshold or parties than the one on record', () => {
    const other = outputsOf('another key')
    for (const change of [
      { publicKey: fast.encode(fast.mulBase(7n)) },
      { keyId: other.keyId },
      { threshold: 3 },
      { identities: share.identities.toReversed() },
      { identities: share.identities.slice(1) },
    ]) {
      refused(JOINS, () => ({ pin: { ...pinned, ...change } }))
    }
  })

  test('L1 a statement whose public shares are not of the key, though its parties sign it', () => {
    for (const publicShares of [
      share.publicShares.toReversed(),
      share.publicShares.slice(1),
      share.publicShares.with(1, new Uint8Array(33)),
    ]) {
      refused(JOINS, () => ({ attested: attested({ ...share, publicShares }, [1, 2, 3]) }))
    }
  })

  test('L1 a statement that fewer than t parties sign, or that somebody else signs', () => {
    const { statement, attestations } = attested(share, [1, 3])
    const [one, three] = [partyIndex(1), partyIndex(3)]
    const signatures: [PartyIndex, Uint8Array][][] = [
      [],
      [[one, attestations.get(one)!]],
      [
        [one, attestations.get(one)!],
        [three, attestations.get(one)!],
      ],
      [
        [one, attestations.get(one)!],
        [three, new Uint8Array(64)],
      ],
      [
        [one, attestations.get(one)!],
        [partyIndex(4), attestations.get(three)!],
      ],
    ]
    for (const some of signatures) refused(JOINS, () => ({ attested: { statement, attestations: new Map(some) } }))
  })

  test('L1 a statement of another chain code or epoch than was signed', () => {
    const { statement, attestations } = attested(share, [1, 3])
    for (const change of [{ chainCode: new Uint8Array(32) }, { epoch: 1 }]) {
      refused(JOINS, () => ({ attested: { statement: { ...statement, ...change }, attestations } }))
    }
  })

  test('S1 dealers that are no quorum', () => {
    for (const dealers of [[1], [1, 2, 3], [3, 1], [1, 1], [1, 4], []]) {
      refused(JOINS, () => ({ dealers: dealers.map(partyIndex) }))
    }
  })

  test('K2 two new parties with one identity, an index beyond them, an index that is another’s', () => {
    const { identities } = setups.get(JOINS)!.next
    refused(JOINS, ({ next }) => ({ next: { ...next, identities: identities.with(2, identities[1]!) } }))
    refused(JOINS, () => ({ self: partyIndex(4) }))
    refused(STAYS, () => ({ self: partyIndex(2) }))
    refused(STAYS, () => ({ self: null }))
    refused(LEAVES, () => ({ self: partyIndex(1) }))
  })

  test('L3 a dealer with a share of another epoch than the statement', async () => {
    const renewed = await refreshed(key, { backend })
    refused(LEAVES, () => ({ share: renewed[0]!.share }))
  })

  test('a threshold no key has, an identity of another length, a stage id that is none, nothing to do', () => {
    for (const threshold of [1, 4]) refused(JOINS, ({ next }) => ({ next: { ...next, threshold } }))
    refused(JOINS, ({ next }) => ({
      next: { ...next, identities: [new Uint8Array(31), identityOf(4), identityOf(5)] },
    }))
    refused(JOINS, () => ({ stageId: new Uint8Array(31) }))
    refused(JOINS, () => ({ self: null }))
    refused(LEAVES, () => ({ share: key[1]!.share }))
  })

  test('more places than there are indices: 31 who join and two who leave', () => {
    const identities = Array.from({ length: 31 }, (_, i) => identityOf(100 + i))
    refused(JOINS, ({ next }) => ({ next: { ...next, identities } }))
  })
})

describe('sid binds what the parties must agree on beforehand', () => {
  const changes: [string, (setup: ReshareSetup) => ReshareSetup][] = [
    ['the stage id', (setup) => ({ ...setup, stageId: setup.stageId.with(0, setup.stageId[0]! ^ 1) })],
    ['the new threshold', (setup) => ({ ...setup, next: { ...setup.next, threshold: 3 } })],
    [
      'the new identities',
      ({ next, ...rest }) => ({ ...rest, next: { ...next, identities: next.identities.with(2, identityOf(8)) } }),
    ],
    ['the epoch', (setup) => ({ ...setup, attested: attested({ ...key[0]!.share, epoch: 1 }, [1, 3]) })],
    [
      'the old ssid',
      (setup) => ({
        ...setup,
        attested: attested({ ...key[0]!.share, ssid: setup.attested.statement.keyId as never }, [1, 3]),
      }),
    ],
    [
      'the chain code',
      (setup) => ({ ...setup, attested: attested({ ...key[0]!.share, chainCode: new Uint8Array(32) }, [1, 3]) }),
    ],
  ]
  test.each(changes)('K1 another view of %s is a mismatch in round 1, and nobody is blamed', async (_, change) => {
    const sim = await simulateReshare(key, move, {
      backend,
      setupOf: (place, setup) => (place === JOINS ? change(setup) : setup),
    })
    expect(abortOf(sim, JOINS)).toMatchObject({ code: 'MISMATCH', round: 1, culprits: [], verdict: 'retry' })
    expect(abortOf(sim, STAYS)).toMatchObject({ code: 'MISMATCH', round: 1, culprits: [], verdict: 'retry' })
    expectNothingStored(sim)
  })
})

function outputsOf(seed: string) {
  return { keyId: seeded(seed)(32) as ReshareSetup['pin']['keyId'] }
}

/** A share of the secret that makes the weighted constant `wrong`, with its own point. */
function liedShare(setup: ReshareSetup, old: number, wrong: bigint) {
  const weight = basisAt(old, [1, 3], 0)
  return { ...setup.share!, secret: toBytes32((wrong * inverseOf(weight)) % q) }
}

function inverseOf(x: bigint): bigint {
  let [result, base] = [1n, x]
  for (let e = q - 2n; e > 0n; e >>= 1n, base = (base * base) % q) if (e & 1n) result = (result * base) % q
  return result
}

/** A dealer that does not look at its own constant: the third comparison, after the two of the statement. */
function blind() {
  let compared = 0
  const equal: typeof backend.equal = (P, Q) => compared++ === 2 || backend.equal(P, Q)
  return { ...backend, equal }
}

function expectNothingStored(sim: Simulation<ReshareResult>): void {
  expect(sim.events.filter((event) => 'recorded' in event)).toEqual([])
  expect(sentBy(sim).filter(({ round }) => round === 4)).toEqual([])
}
