import { type Backend, fromBytesBE, type KeygenResult, type Point, q, toBytes32 } from '@tandem/ecdsa'
import {
  exchange,
  type Message,
  type PartyIndex,
  partyIndex,
  type Protocol,
  type RoundHeader,
  type SessionId,
  sessionId,
} from '@tandem/rounds'
import { concat, le16 } from '../../shared/ecdsa/src/math/bytes.ts'
import { TH } from '../../shared/ecdsa/src/math/hash.ts'
import { randomScalar } from '../../shared/ecdsa/src/math/scalar.ts'
import { proveDlog } from '../../shared/ecdsa/src/proof/dlog.ts'
import { fast, remembering } from '../helpers/backends.ts'
import { keygenParties, keygenSetup } from '../helpers/keygen.ts'
import { seeded } from '../helpers/rng.ts'
import { abortOf, outputs, sentBy, type Simulation, simulate } from '../helpers/simulate.ts'

// A peer that lies on purpose: it sees every message of a round before it sends its own.

const backend = remembering(fast)
const [alice, bob, carol] = [1, 2, 3].map(partyIndex) as [PartyIndex, PartyIndex, PartyIndex]
const transcriptOf = async (seed: string, parties = 2) =>
  sentBy(await simulate(keygenParties({ backend, seed, parties })))
const bodyOf = (transcript: readonly Message[], from: PartyIndex, round: number, to?: PartyIndex) =>
  transcript.find((m) => m.from === from && m.round === round && (to === undefined || m.to === to))!.body
const secretOf = (self: number, seed = 'keygen') => randomScalar(seeded(seed).fork(self))

describe('a rushing party 2 against an honest party 1', () => {
  test('K5 cannot copy a commitment: what it opens to is another’s', async () => {
    const sim = await against({
      round1: (theirs) => theirs,
      opening: (theirs) => theirs.slice(0, 162),
    })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_COMMITMENT', round: 2, culprits: [bob] })
  })

  test('K5 cannot choose its point after seeing the other’s, so that the sum is a point of its choice (#20)', async () => {
    const target = fast.mulBase(424242n)
    const honest = ownPart(77n)
    const sim = await against({
      round1: (_, sid) => honest.round1(sid),
      opening: (theirs, ssid) => {
        const rogue = fast.add(target, fast.negate(fast.decode(theirs.slice(32, 65))))
        return concat(honest.salt, fast.encode(rogue), honest.cc, honest.proof(ssid))
      },
    })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_COMMITMENT', round: 2, culprits: [bob] })
  })

  test('K6 cannot take over a point with its proof from another session (#8)', async () => {
    const old = bodyOf(await transcriptOf('old'), bob, 2)
    const sim = await against(replayOf(old))
    expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_PROOF', round: 2, culprits: [bob] })
  })

  test('K6 cannot take over a point with its proof from another party (#8)', async () => {
    const ofAlice = bodyOf(await transcriptOf('keygen'), alice, 2)
    const sim = await against(replayOf(ofAlice))
    expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_PROOF', round: 2, culprits: [bob] })
  })

  test('K6 cannot commit to a point whose logarithm it does not know', async () => {
    const X = backend.hashToCurve(Uint8Array.of(1), 'NOBODY-KNOWS')
    const part = ownPart(5n, fast.encode(X))
    const sim = await against({
      round1: (_, sid) => part.round1(sid),
      opening: (_, ssid) => concat(part.salt, part.A, part.cc, part.proof(ssid)),
    })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_PROOF', round: 2, culprits: [bob] })
  })

  test('K4 cannot commit to the identity, or to a point off the curve (#22)', async () => {
    for (const A of [
      new Uint8Array(33),
      Uint8Array.of(2, ...toBytes32(5n)),
      Uint8Array.of(2, ...new Uint8Array(32).fill(255)),
    ]) {
      const part = ownPart(5n, A)
      const sim = await against({
        round1: (_, sid) => part.round1(sid),
        opening: (_, ssid) => concat(part.salt, part.A, part.cc, part.proof(ssid)),
      })
      expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_ENCODING', round: 2, culprits: [bob] })
    }
  })

  test('the same party telling the truth is accepted up to its base OT', async () => {
    const part = ownPart(5n)
    const sim = await against({
      round1: (_, sid) => part.round1(sid),
      opening: (_, ssid) => concat(part.salt, part.A, part.cc, part.proof(ssid)),
    })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_BASE_OT', round: 2, culprits: [bob] })
  })
})

describe('sums that make no key', () => {
  test('K8 a key that cancels to the identity is refused by everybody', async () => {
    const parties = keygenParties({
      backend,
      rngOf: (self, rng) => {
        let first = true
        return (n) => {
          const bytes = rng(n)
          if (self !== bob || !first) return bytes
          first = false
          return toBytes32(q - secretOf(1))
        }
      },
    })
    const sim = await simulate(parties)
    for (const party of [alice, bob]) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [] })
    }
  })

  test('K8 a share that is not the logarithm of its own point, a fault of our machine, is not kept', async () => {
    const sim = await simulate(
      keygenParties({ backend, backendOf: (self) => (self === alice ? faultyOnce(backend) : backend) }),
    )
    expect(abortOf(sim, alice)).toMatchObject({ code: 'UNATTRIBUTED', round: 2 })
  })
})

describe('three parties', () => {
  const three = () => keygenParties({ backend, parties: 3 })

  test('K5 every liar is named, not only the first', async () => {
    const sim = await simulate(three(), {
      tamper: (m) => (m.round === 2 && m.to === alice ? m.body.with(0, m.body[0]! ^ 1) : m),
    })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_COMMITMENT', round: 2, culprits: [bob, carol] })
  })

  test('K4 K6 only the liar is named', async () => {
    const tamperAt = (at: number) =>
      simulate(three(), {
        tamper: (m) => (m.round === 2 && m.from === carol && m.to === alice ? m.body.with(at, m.body[at]! ^ 1) : m),
      })
    expect(abortOf(await tamperAt(161), alice)).toMatchObject({ code: 'BAD_PROOF', culprits: [carol] })
  })

  test('K1 K14 a party that says different things in round 1 is found in the header of round 2, before any secret is used', async () => {
    const sim = await simulate(three(), {
      tamper: (m) => (m.round === 1 && m.from === carol && m.to === alice ? m.body.with(0, m.body[0]! ^ 1) : m),
    })
    for (const party of [alice, bob])
      expect(abortOf(sim, party)).toMatchObject({ code: 'MISMATCH', round: 2, culprits: [] })
  })

  test('K9 a party that proves itself differently to two others is found by comparing confirmations', async () => {
    const honest = await transcriptOf('keygen', 3)
    const { sid: ssid } = honest.find((m) => m.round === 2)!
    const body = bodyOf(honest, carol, 2, alice)
    const statement = { ssid, prover: carol, A: body.slice(32, 65), higher: [] }
    const again = proveDlog(fast, statement, secretOf(3), seeded('another nonce'))
    const sim = await simulate(three(), {
      tamper: (m) =>
        m.round === 2 && m.from === carol && m.to === alice ? concat(m.body.slice(0, 97), again, m.body.slice(162)) : m,
    })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'ECHO_MISMATCH', round: 3, culprits: [], verdict: 'retry' })
    expect(abortOf(sim, bob)).toMatchObject({ code: 'ECHO_MISMATCH', round: 3, culprits: [] })
  })

  test('K10 one acknowledgement missing, and nobody it was withheld from has a key', async () => {
    const sim = await simulate(three(), {
      tamper: (m) => (m.round === 4 && m.from === carol && m.to === alice ? undefined : m),
    })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'SILENT_PEER', round: 4, culprits: [carol] })
    expect(sim.outcomes.get(bob)!.status).toBe('done')
  })

  test('K10 another’s acknowledgement does not stand in for a missing one', async () => {
    const honest = await transcriptOf('keygen', 3)
    const sim = await simulate(three(), {
      tamper: (m) => (m.round === 4 && m.from === carol && m.to === alice ? bodyOf(honest, bob, 4) : m),
    })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_PROOF', round: 4, culprits: [carol] })
  })
})

test('runs at the same time do not touch each other', async () => {
  const [a, b] = await Promise.all([
    simulate(keygenParties({ backend, seed: 'keygen' })),
    simulate(keygenParties({ backend, seed: 'old' })),
  ])
  const key = (sim: Simulation<KeygenResult>) => outputs(sim)[0]!.share.publicKey
  expect(key(a)).not.toEqual(key(b))
  expect(key(a)).toEqual(key(await simulate(keygenParties({ backend, seed: 'keygen' }))))
})

type Lies = {
  /** our body of round 1, knowing theirs */
  readonly round1: (theirs: Uint8Array, sid: SessionId) => Uint8Array
  /** our opening, knowing their whole body of round 2 */
  readonly opening: (theirs: Uint8Array, ssid: SessionId) => Uint8Array
}

async function against(lies: Lies): Promise<Simulation<unknown>> {
  const honest = keygenParties({ backend }).get(alice)!
  const parties = new Map<PartyIndex, Protocol<unknown>>([
    [alice, honest],
    [bob, cheat(lies)],
  ])
  return simulate(parties)
}

/** Two rounds are all it takes; what follows the opening is not looked at if the opening is refused. */
function* cheat({ round1, opening }: Lies): Protocol<void> {
  const { keyId, identities } = keygenSetup(2)
  const sid = sessionId(TH(fast, 'kg/sid', keyId, le16(2), le16(2), ...identities))
  const header1 = { protocol: 'keygen', round: 1, sid, epoch: 0 } as const
  const theirs1 = yield* hear(header1, 97)
  const ours1 = round1(theirs1, sid)
  yield* say(header1, ours1)
  const ssid = sessionId(TH(fast, 'kg/ssid', sid, ...halves(theirs1), ...halves(ours1)))
  const theirs2 = yield* hear({ ...header1, round: 2, sid: ssid }, 8642)
  yield* say({ ...header1, round: 2, sid: ssid }, concat(opening(theirs2, ssid), new Uint8Array(32 + 8448)))
}

function* hear(header: RoundHeader, bytes: number): Protocol<Uint8Array> {
  return (yield* exchange(header, bob, new Map(), new Map([[alice, bytes]]))).get(alice)!
}

function* say(header: RoundHeader, body: Uint8Array): Protocol<void> {
  yield* exchange(header, bob, new Map([[alice, body]]), new Map())
}

const halves = (body: Uint8Array) => [body.slice(0, 32), body.slice(32, 64)]

/** Party 2’s honest part for secret a; A may claim another point. */
function ownPart(a: bigint, A: Uint8Array = fast.encode(fast.mulBase(a))) {
  const [salt, cc, nonce] = ['salt', 'cc', 'nonce'].map((name) => seeded(name)(32)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  const commitment = (sid: SessionId) => TH(fast, 'kg/com', sid, le16(2), salt, A, cc)
  return {
    ...{ A, salt, cc },
    round1: (sid: SessionId) => concat(nonce, commitment(sid), fast.encode(fast.mulBase(9n))),
    proof: (ssid: SessionId) => proveDlog(fast, { ssid, prover: 2, A, higher: [] }, a, seeded('nonce')),
  }
}

/** Commits honestly to another opening’s point and replays its proof. */
function replayOf(body: Uint8Array): Lies {
  const part = ownPart(1n, body.slice(32, 65))
  return {
    round1: (_, sid) => part.round1(sid),
    opening: () => concat(part.salt, part.A, part.cc, body.slice(97, 162)),
  }
}

/** The first product is wrong: a bit flipped in memory while our own point was computed. */
function faultyOnce(honest: Backend): Backend {
  let wrong = true
  const mulBase = (k: bigint): Point => {
    const P = honest.mulBase(wrong ? k + 1n : k)
    wrong = false
    return P
  }
  return { ...honest, mulBase }
}

test('the secret of a seeded party is its first draw, as the tests above assume', async () => {
  const [{ share }] = outputs(await simulate(keygenParties({ backend }))) as [KeygenResult]
  expect(fromBytesBE(share.secret)).toBe(secretOf(1))
})
