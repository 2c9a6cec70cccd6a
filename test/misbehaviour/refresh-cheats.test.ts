import { fromBytesBE, type KeygenResult, q, toBytes32 } from '@tandem/ecdsa'
import { exchange, type PartyIndex, partyIndex, type Protocol, type Rng, sessionId } from '@tandem/rounds'
import { concat, le32 } from '../../shared/ecdsa/src/math/bytes.ts'
import { TH } from '../../shared/ecdsa/src/math/hash.ts'
import { randomScalar } from '../../shared/ecdsa/src/math/scalar.ts'
import { fast, remembering } from '../helpers/backends.ts'
import { keygenParties } from '../helpers/keygen.ts'
import { refreshed, refreshParties, signingKeyOf, simulateRefresh } from '../helpers/refresh.ts'
import { seeded } from '../helpers/rng.ts'
import { messageOf, signAll } from '../helpers/signing.ts'
import { write } from '../helpers/signing-fields.ts'
import { abortOf, outputs, sentBy, simulate, type Tamper } from '../helpers/simulate.ts'
import { refusals, signedText } from '../helpers/verifiers.ts'

// A party that follows its own rules: it lies in its shares, to one and not to another, again and again.

const backend = remembering(fast)
const [alice, bob, carol] = [1, 2, 3].map(partyIndex) as [PartyIndex, PartyIndex, PartyIndex]
const [two, three] = (await Promise.all(
  [2, 3].map(async (parties) => outputs(await simulate(keygenParties({ parties, backend })))),
)) as [KeygenResult[], KeygenResult[]]
const text = signedText('refresh')
const message = messageOf(text.digest)

/** The first draw of a party is its first δ. */
const firstDelta = (self: number, seed = 'refresh') => randomScalar(seeded(seed).fork(self))
const firstDraw =
  (honest: Rng, value: bigint): Rng =>
  (n) => {
    const bytes = honest(n)
    if (n !== 32 || value === 0n) return bytes
    const forced = toBytes32(value)
    value = 0n
    return forced
  }

describe('a dealer of wrong shares', () => {
  test('L8 is named, whatever it adds to the δ it published', async () => {
    for (const error of [1n, q - 1n, 2n ** 128n, fromBytesBE(two[1]!.share.secret)]) {
      const delta = toBytes32((firstDelta(bob) + error) % q)
      const sim = await simulateRefresh(two, { backend, tamper: inOpening(bob, alice, { at: 33, bytes: 32 }, delta) })
      expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_SHARE', verdict: 'strike', round: 2, culprits: [bob] })
    }
  })

  test('L8 among three only the liar is named, by the one it lied to', async () => {
    const field = { at: 66, bytes: 32 }
    const sim = await simulateRefresh(three, { backend, tamper: inOpening(carol, alice, field, toBytes32(5n)) })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_SHARE', round: 2, culprits: [carol] })
    expect(abortOf(sim, bob)).toMatchObject({ code: 'SILENT_PEER', round: 3, culprits: [alice] })
  })

  test('L8 among three every liar is named, not only the first', async () => {
    const field = { at: 66, bytes: 32 }
    const tamper: Tamper = (m) => (m.round === 2 && m.to === alice ? write(m.body, field, toBytes32(5n)) : m)
    const sim = await simulateRefresh(three, { backend, tamper })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_SHARE', round: 2, culprits: [bob, carol] })
  })

  test('K5 cannot choose its δ after it saw the other’s, so that a share is one of its choice (#20)', async () => {
    const wanted = 424242n
    const delta = (wanted + firstDelta(alice) - fromBytesBE(two[0]!.share.secret) + 2n * q) % q
    const opening = Uint8Array.of(...fast.encode(fast.mulBase(delta)), ...toBytes32(delta))
    const sim = await simulateRefresh(two, { backend, tamper: inOpening(bob, alice, { at: 0, bytes: 65 }, opening) })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_COMMITMENT', round: 2, culprits: [bob] })
  })

  test('K5 cannot copy the other’s commitment and opening, so that all moves cancel and nothing is refreshed (#33)', async () => {
    const parties = new Map<PartyIndex, Protocol<unknown>>(
      refreshParties(
        two.map(({ share }) => share),
        { backend },
      ),
    )
    const sim = await simulate(parties.set(bob, mirror()))
    expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_COMMITMENT', round: 2, culprits: [bob] })
  })
})

describe('a party that says different things to two others', () => {
  test('K1 K14 of its commitment is found in the header of round 2', async () => {
    const sim = await simulateRefresh(three, {
      backend,
      tamper: (m) => (m.round === 1 && m.from === carol && m.to === alice ? m.body.with(0, m.body[0]! ^ 1) : m),
    })
    for (const party of [alice, bob]) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'MISMATCH', round: 2, culprits: [] })
    }
  })

  test('K5 of its points is found by the commitment: D_{3→2} is checked by party 1 too', async () => {
    const field = { at: 33, bytes: 33 }
    const D = fast.encode(fast.mulBase(5n))
    const sim = await simulateRefresh(three, { backend, tamper: inOpening(carol, alice, field, D) })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_COMMITMENT', round: 2, culprits: [carol] })
  })
})

describe('sums that make no share of the same key', () => {
  test('L2 a share that cancels to zero is refused by everybody (#22)', async () => {
    const zeroing = (firstDelta(bob) + fromBytesBE(two[0]!.share.secret)) % q
    const sim = await simulateRefresh(two, {
      backend,
      rngOf: (self, honest) => (self === alice ? firstDraw(honest, zeroing) : honest),
    })
    for (const party of [alice, bob]) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [], verdict: 'retry' })
    }
  })

  test('L2 shares of another X than the one on record are refused by everybody', async () => {
    const publicKey = fast.encode(fast.mulBase(7n))
    const sim = await simulateRefresh(two, {
      backend,
      setupOf: (_, { share, stageId }) => ({ stageId, share: { ...share, publicKey } }),
    })
    for (const party of [alice, bob]) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 2 })
    }
  })

  test('L2 a share that is not the logarithm of its own point, a fault of our store, is not kept', async () => {
    const sim = await simulateRefresh(two, {
      backend,
      setupOf: (self, { share, stageId }) => ({
        stageId,
        share: self === alice ? { ...share, secret: share.secret.with(31, share.secret[31]! ^ 1) } : share,
      }),
    })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'UNATTRIBUTED', round: 2 })
    expect(sim.events.filter((event) => 'recorded' in event && event.party === alice)).toEqual([])
  })
})

describe('lather, rinse, repeat (#6)', () => {
  test('L8 wrong shares in ten refreshes are blamed ten times, change nothing, and teach nothing', async () => {
    const before = two.map(({ share }) => share.secret.slice())
    for (let attempt = 0; attempt < 10; attempt++) {
      const seed = `attempt ${attempt}`
      const sim = await simulateRefresh(two, {
        backend,
        seed,
        // one bit of the sum at a time, as the published attack does
        tamper: inOpening(
          bob,
          alice,
          { at: 33, bytes: 32 },
          toBytes32((firstDelta(bob, seed) + 2n ** BigInt(attempt)) % q),
        ),
      })
      expect(abortOf(sim, alice)).toMatchObject({ code: 'BAD_SHARE', culprits: [bob] })
      expect(sim.events.filter((event) => 'recorded' in event)).toEqual([])
      // the refusal is the same whatever the share is: party 1 said nothing after round 2
      expect(sentBy(sim).filter(({ from, round }) => from === alice && round > 2)).toEqual([])
    }
    expect(two.map(({ share }) => share.secret)).toEqual(before)

    const renewed = await refreshed(two, { backend })
    const [signature] = outputs(await signAll(signingKeyOf(renewed), { message, assembler: 'all' }, { backend }))
    expect(refusals(signature!, text, two[0]!.share.publicKey)).toEqual([])
  })
})

/** Party 2 waits for party 1 in every round and says what it heard; it knows the one δ it was sent. */
function* mirror(): Protocol<void> {
  const { ssid, publicKey, publicShares, chainCode } = two[1]!.share
  const stageId = seeded('refresh').fork('stage id')(32)
  const sid = sessionId(TH(fast, 'rf/sid', ssid, le32(1), stageId, publicKey, ...publicShares, chainCode))
  const header1 = { protocol: 'refresh', round: 1, sid, epoch: 1 } as const
  const theirs1 = (yield* exchange(header1, bob, new Map(), new Map([[alice, 97]]))).get(alice)!
  yield* exchange(header1, bob, new Map([[alice, theirs1]]), new Map())

  const view = [theirs1.slice(0, 32), theirs1.slice(32, 64)]
  const header2 = { ...header1, round: 2, sid: sessionId(TH(fast, 'rf/ssid', sid, ...view, ...view)) }
  const theirs2 = (yield* exchange(header2, bob, new Map(), new Map([[alice, 8545]]))).get(alice)!
  yield* exchange(header2, bob, new Map([[alice, concat(theirs2.slice(0, 65), new Uint8Array(32 + 8448))]]), new Map())
}

/** Party `from`’s round 2 to one recipient, one field of its opening replaced. */
function inOpening(
  from: number,
  to: number,
  field: { readonly at: number; readonly bytes: number },
  value: Uint8Array,
): Tamper {
  return (m) => (m.round === 2 && m.from === from && m.to === to ? write(m.body, field, value) : m)
}
