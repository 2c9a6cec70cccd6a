import { ackMessage, decodeStage, derive, encodeStage, fromBytesBE, type KeygenResult, shareHolds } from '@tandem/ecdsa'
import { deal, imageOf, partOf, publish } from '../../shared/ecdsa/src/reshare/reshare-dealing.ts'
import { weightOf } from '../../shared/ecdsa/src/sharing.ts'
import { partyIndex } from '@tandem/rounds'
import { fast, remembering } from '../helpers/backends.ts'
import { identityOf, keygenParties, signAs } from '../helpers/keygen.ts'
import { compressed, decompressed, G, q, residue, times } from '../helpers/reference/curve.ts'
import { LE, TH } from '../helpers/reference/hash.ts'
import { imageAt, interpolated, subsets } from '../helpers/reference/shamir.ts'
import { refreshed, signingKeyOf } from '../helpers/refresh.ts'
import { attested, joined, type Move, reshared, reshareSetups, simulateReshare } from '../helpers/reshare.ts'
import { seeded } from '../helpers/rng.ts'
import { messageOf, presignAll, signAll } from '../helpers/signing.ts'
import { outputs, sentBy, simulate } from '../helpers/simulate.ts'
import { refusals, signedText } from '../helpers/verifiers.ts'

const backend = remembering(fast)
const generated = async (threshold: number, parties: number) =>
  outputs(await simulate(keygenParties({ threshold, parties, backend })))
const [t2n2, t2n3] = [await generated(2, 2), await generated(2, 3)]
const grow: Move = { dealers: [1, 3], members: [2, 3, 4, 5], threshold: 3 }
const growth = await simulateReshare(t2n3, grow, { backend })
const t3n4 = joined(growth)
const text = signedText('another committee')
const path = [44, 60]
const how = { message: messageOf(text.digest, path), assembler: 'all' as const }

const valuesOf = (stages: readonly KeygenResult[]) =>
  stages.map(({ share }): [number, bigint] => [share.self, fromBytesBE(share.secret)])
const reconstructed = (
  values: readonly [number, bigint][],
  { threshold, parties }: { threshold: number; parties: number },
) =>
  threshold === parties
    ? residue(
        values.reduce((sum, [, s]) => sum + s, 0n),
        q,
      )
    : interpolated(new Map(values), 0)
const keyOf = (x: bigint) => compressed(times(x, G))

describe.each([
  ['t2n3 → t3n4, one leaves, two stay, two join', t2n3, t3n4],
  [
    't2n3 → t2n3, nobody stays',
    t2n3,
    await reshared(t2n3, { dealers: [2, 3], members: [4, 5, 6], threshold: 2 }, { backend }),
  ],
  [
    't2n2 → t2n3, both stay and one joins',
    t2n2,
    await reshared(t2n2, { dealers: [1, 2], members: [1, 2, 3], threshold: 2 }, { backend }),
  ],
  [
    't2n3 → t2n2, in another order',
    t2n3,
    await reshared(t2n3, { dealers: [1, 2], members: [2, 1], threshold: 2 }, { backend }),
  ],
  [
    't2n2 → t2n2, additive both, one replaced',
    t2n2,
    await reshared(t2n2, { dealers: [1, 2], members: [1, 9], threshold: 2 }, { backend }),
  ],
])('%s', (_, old, next) => {
  const before = old[0]!.share
  const { threshold, parties } = next[0]!.share

  test('all new parties hold the same key, public shares, confirmation and certificate', () => {
    const common = ({ share, certificate }: KeygenResult) => ({ ...share, self: 0, secret: 0, certificate })
    for (const result of next) expect(common(result)).toEqual(common(next[0]!))
    expect(next.map(({ share }) => share.self)).toEqual(next.map((_one, i) => i + 1))
  })

  test('key id, public key and chain code are the old ones; ssid is new and its epoch is 0', () => {
    const { keyId, publicKey, chainCode } = before
    for (const { share } of next) {
      expect(share).toMatchObject({ keyId, publicKey, chainCode, epoch: 0, threshold, parties })
      expect(share.ssid).not.toEqual(before.ssid)
      expect(shareHolds(fast, share)).toBe(true)
    }
  })

  test('every t′ of them have the private key, t′ − 1 do not', () => {
    const sharing = { threshold, parties }
    for (const quorum of subsets(valuesOf(next), threshold)) {
      expect(keyOf(reconstructed(quorum, sharing))).toEqual(before.publicKey)
    }
    for (const few of subsets(valuesOf(next), threshold - 1)) {
      expect(keyOf(reconstructed(few, sharing))).not.toEqual(before.publicKey)
    }
  })

  test('old and new shares do not mix', () => {
    const olds = valuesOf(old)
    for (const quorum of subsets(valuesOf(next), threshold)) {
      for (const [at, [index]] of quorum.entries()) {
        for (const [, secret] of olds) {
          const mixed = quorum.with(at, [index, secret])
          expect(keyOf(reconstructed(mixed, { threshold, parties }))).not.toEqual(before.publicKey)
        }
      }
    }
  })

  test('any t′ of them sign for the old child keys, for every verifier', async () => {
    const key = signingKeyOf(next)
    const child = derive(fast, before, path).publicKey
    for (const signers of subsets(key.signers, threshold)) {
      const [signature] = outputs(await signAll({ ...key, signers }, how, { backend: fast }))
      expect(refusals(signature!, text, child)).toEqual([])
    }
  })

  test('L3 every pair is new, and what is stored loads again', () => {
    const tags = new Set(old.flatMap(({ pairs }) => pairs.map(({ asAlice }) => asAlice.tag.join())))
    for (const { share, pairs } of next) {
      expect(pairs.map(({ asAlice }) => asAlice.tag.join()).filter((tag) => tags.has(tag))).toEqual([])
      expect(decodeStage(fast, encodeStage(fast, { share, pairs }))).toEqual({ share, pairs })
    }
  })
})

describe('those who leave', () => {
  test('have no share, and know what the certificate must be about', () => {
    const last = outputs(growth).at(-1)
    const { ssid, publicShares, conf, identities } = t3n4[0]!.share
    expect(last).toEqual({ role: 'leaves', key: { ssid, publicShares, conf } })
    for (const [at, ack] of t3n4[0]!.certificate.entries()) {
      expect(fast.ed25519Verify(ack, ackMessage(fast, 'reshare', conf, partyIndex(at + 1)), identities[at]!)).toBe(true)
    }
  })

  test('hear of the dealings and of nothing else', () => {
    const toLeaver = sentBy(growth).filter(({ to }) => to === 5)
    const lengths = toLeaver.map(({ round, from, body }) => `${round} ${from} ${body.length}`)
    expect(lengths.toSorted()).toEqual(['1 1 32', '1 2 64', '1 3 32', '1 4 32', `2 2 ${3 * 33}`])
  })
})

test('K15 every new party makes its stage durable before its acknowledgement leaves; who leaves stores nothing', () => {
  for (const place of [1, 2, 3, 4]) {
    const doings = growth.events.filter(({ party }) => party === place)
    const stored = doings.findIndex((event) => 'recorded' in event)
    expect(doings.findIndex((event) => 'sent' in event && event.sent.round === 4)).toBe(stored + 1)
  }
  const storing = growth.events.filter((event) => 'recorded' in event).map(({ party }) => party)
  expect(new Set(storing)).toEqual(new Set([1, 2, 3, 4]))
})

test('bodies have the lengths the spec gives', () => {
  const lengthsOf = (from: number, to: number) =>
    sentBy(growth).flatMap((m) => (m.from === from && m.to === to ? m.body.length : []))
  const pair = 32 + 8448
  expect(lengthsOf(2, 1)).toEqual([97, 3 * 33 + 32 + pair, 5152, 64])
  expect(lengthsOf(1, 2)).toEqual([65, pair, 5152, 64])
  expect(lengthsOf(5, 1)).toEqual([64, 3 * 33 + 32])
  expect(lengthsOf(1, 5)).toEqual([32])
})

test('what is hashed is what the spec says, in its order', () => {
  const { keyId, ssid, publicKey, publicShares, chainCode, identities } = t2n3[0]!.share
  const stageId = seeded('reshare').fork('stage id')(32)
  const key = [keyId, ssid, LE(0, 4), stageId, publicKey, ...publicShares, chainCode]
  const to = [LE(4, 2), LE(3, 2), ...grow.members.map(identityOf)]
  const sid = TH('rs/sid', ...key, LE(2, 2), LE(1, 2), LE(3, 2), ...to)
  expect(sentBy(growth)[0]!).toMatchObject({ protocol: 'reshare', sid, epoch: 0 })

  // old party 1 leaves and has the last place, old party 3 is the second of the new committee
  const bodyOf = (from: number, round: number, other = from === 3 ? 4 : 3) =>
    sentBy(growth).find((m) => m.from === from && m.to === other && m.round === round)!.body
  const published = [5, 2].map((place) => [0, 1, 2].map((k) => bodyOf(place, 2).slice(33 * k, 33 * k + 33)))
  for (const [at, i] of [1, 3].entries()) {
    expect(bodyOf([5, 2][at]!, 1).slice(32, 64)).toEqual(TH('rs/com', sid, LE(i, 2), ...published[at]!))
  }
  const views = [1, 2, 3, 4, 5].flatMap((place) => {
    const body = bodyOf(place, 1)
    return [body.slice(0, 32), [2, 5].includes(place) ? body.slice(32, 64) : new Uint8Array()]
  })
  const { share } = t3n4[0]!
  expect(share.ssid).toEqual(TH('rs/ssid', sid, ...views))
  expect(share.conf).toEqual(
    TH('rs/conf', share.ssid, ...published.flat(), publicKey, ...share.publicShares, chainCode),
  )

  const sum = [0, 1, 2].map((k) => decompressed(fast.encode(fast.add(...pointsAt(k)))))
  function pointsAt(k: number) {
    return published.map((points) => fast.decode(points[k]!)) as [
      ReturnType<typeof fast.decode>,
      ReturnType<typeof fast.decode>,
    ]
  }
  expect([publicKey, ...share.publicShares]).toEqual([0, 1, 2, 3, 4].map((x) => compressed(imageAt(sum, x))))

  const shape = [LE(0, 4), LE(3, 2), LE(2, 2)]
  const statement = TH(
    'rs/statement',
    keyId,
    ssid,
    ...shape,
    publicKey,
    ...publicShares,
    chainCode,
    ...identities,
    LE(3, 2),
  )
  const signature = attested(t2n3[0]!.share, [3]).attestations.get(partyIndex(3))!
  expect(fast.ed25519Verify(signature, statement, identityOf(3))).toBe(true)
})

test('the algebra of (3, 5) → (4, 7), and of every sharing into every other', () => {
  const rng = seeded('algebra')
  const shapes = [
    [2, 2],
    [2, 3],
    [3, 3],
    [3, 5],
    [4, 7],
  ].map(([threshold, parties]) => ({ threshold: threshold!, parties: parties! }))
  const numbers = (n: number) => Array.from({ length: n }, (_, i) => partyIndex(i + 1))
  for (const from of shapes) {
    for (const to of shapes) {
      const dealing = deal(rng, from, 424242n)
      const S = numbers(from.parties).slice(-from.threshold)
      const dealt = S.map((i) =>
        deal(rng, to, residue(weightOf(from, i, S) * fromBytesBE(partOf(from, dealing, i)), q)),
      )
      const shares = numbers(to.parties).map((j): [number, bigint] => [
        j,
        residue(
          dealt.reduce((sum, one) => sum + fromBytesBE(partOf(to, one, j)), 0n),
          q,
        ),
      ])
      expect(reconstructed(shares.slice(-to.threshold), to)).toBe(424242n)
      const points = publish(fast, dealt[0]!).map((A) => fast.decode(A))
      for (const j of numbers(to.parties)) {
        const part = fast.mulBase(fromBytesBE(partOf(to, dealt[0]!, j)))
        expect(fast.equal(imageOf(fast, to, points, j), part)).toBe(true)
      }
    }
  }
})

test('a reshared key is refreshed and reshared again, and is still the same key', async () => {
  const renewed = await refreshed(t3n4, {
    backend,
    signerOf: (self) => signAs(grow.members[self - 1]!),
  })
  expect(renewed[0]!.share).toMatchObject({ epoch: 1, publicKey: t2n3[0]!.share.publicKey })
  const last = await reshared(
    renewed,
    { dealers: [1, 2, 4], members: [7, 8], threshold: 2 },
    { backend, seed: 'again' },
  )
  expect(keyOf(reconstructed(valuesOf(last), { threshold: 2, parties: 2 }))).toEqual(t2n3[0]!.share.publicKey)
})

test('K1 a party that stays and still uses its old share signs with nobody, and accuses nobody', async () => {
  const [first] = await reshared(t2n2, { dealers: [1, 2], members: [1, 2, 3], threshold: 2 }, { backend })
  const mixed = await presignAll(signingKeyOf([first!, t2n2[1]!]), { backend: fast })
  for (const outcome of mixed.outcomes.values()) {
    expect(outcome).toMatchObject({ abort: { code: 'MISMATCH', round: 1, culprits: [], verdict: 'retry' } })
  }
  expect(mixed.events.filter((event) => 'recorded' in event)).toEqual([])
})

test('secrets of the run are overwritten when it is over, the old share is not', async () => {
  const draws: Uint8Array[] = []
  const setups = reshareSetups(t2n3, grow)
  const before = setups.get(partyIndex(2))!.share!.secret.slice()
  await simulateReshare(t2n3, grow, {
    backend,
    rngOf: (place, honest) => (place === 2 ? (n) => remember(draws, honest(n)) : honest),
  })
  const choices = draws.filter((bytes) => bytes.length === 16)
  expect(choices).toEqual(choices.map(() => new Uint8Array(16)))
  expect(choices).toHaveLength(3)
  expect(setups.get(partyIndex(2))!.share!.secret).toEqual(before)
})

function remember(draws: Uint8Array[], bytes: Uint8Array): Uint8Array {
  draws.push(bytes)
  return bytes
}
