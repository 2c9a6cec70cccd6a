import {
  combineShares,
  derive,
  fromBytesBE,
  type KeygenResult,
  type KeyShare,
  shareHolds,
  type Stage,
} from '@tandem/ecdsa'
import { partyIndex } from '@tandem/rounds'
import * as fc from 'fast-check'
import { fast, remembering } from '../helpers/backends.ts'
import { keygenParties } from '../helpers/keygen.ts'
import { compressed, decompressed, G, plus, q, times } from '../helpers/reference/curve.ts'
import { keyWithDevice, refreshedWithDevice, type SharesWithDevice } from '../helpers/reference/device.ts'
import { LE, TH } from '../helpers/reference/hash.ts'
import { basisAt, imageAt, subsets } from '../helpers/reference/shamir.ts'
import { refreshed, signingKeyOf, simulateRefresh } from '../helpers/refresh.ts'
import { joined, type Move, reshared, reshareSetups, simulateReshare } from '../helpers/reshare.ts'
import { seeded } from '../helpers/rng.ts'
import { messageOf, presignAll, signAll } from '../helpers/signing.ts'
import { abortOf, outputs, sentBy, simulate } from '../helpers/simulate.ts'
import { refusals, signedText } from '../helpers/verifiers.ts'

// A device and 2 of 3 nodes: party 4 is the device. The next epoch, and the next committee under the same device.

const backend = remembering(fast)
const generated = async (threshold: number, parties: number) =>
  outputs(await simulate(keygenParties({ threshold, parties, withDevice: true, backend })))
const old = await generated(3, 4)
const refresh = await simulateRefresh(old, { backend })
const renewed = outputs(refresh)
const grow: Move = { dealers: [1, 3], members: [3, 5, 6, 7, 4], threshold: 4 }
const growth = await simulateReshare(renewed, grow, { backend })
const grown = joined(growth)
const additive = await generated(3, 3)
const text = signedText('the next epoch')
const path = [44, 60]
const how = { message: messageOf(text.digest, path), assembler: 'all' as const }

const valuesOf = (stages: readonly Pick<Stage, 'share'>[]): SharesWithDevice => ({
  nodes: new Map(stages.slice(0, -1).map(({ share }) => [share.self, fromBytesBE(share.secret)])),
  device: fromBytesBE(stages.at(-1)!.share.secret),
})
const pick = ({ nodes, device }: SharesWithDevice, some: readonly number[]): SharesWithDevice => ({
  nodes: new Map(some.map((i) => [i, nodes.get(i)!])),
  device,
})
const publicKeyOf = (values: SharesWithDevice) => compressed(times(keyWithDevice(values), G))
/** Nodes of which all must sign add their shares up. */
const keyUnder =
  ({ threshold, parties }: KeyShare) =>
  (values: SharesWithDevice) =>
    threshold === parties
      ? compressed(
          times(
            [...values.nodes.values()].reduce((sum, s) => (sum + s) % q, values.device),
            G,
          ),
        )
      : publicKeyOf(values)
const sharesOf = (stages: readonly KeygenResult[]) => stages.map(({ share }) => share)

describe.each([
  ['a refresh', old, renewed],
  ['a reshare: one node stays, two leave, three join', renewed, grown],
  [
    'a reshare to all of two nodes',
    old,
    await reshared(old, { dealers: [2, 3], members: [2, 5, 4], threshold: 3 }, { backend }),
  ],
  ['a refresh of a key that all must sign', additive, await refreshed(additive, { backend })],
  [
    'a reshare from all of two nodes to two of three',
    additive,
    await reshared(additive, { dealers: [1, 2], members: [1, 2, 5, 3], threshold: 3 }, { backend }),
  ],
])('%s', (_, before, after) => {
  const [{ publicKey, chainCode, keyId, ssid }, next] = [before[0]!.share, after[0]!.share]
  const nodes = Array.from({ length: next.parties - 1 }, (_one, i) => i + 1)
  const needed = next.threshold - 1
  const keyOf = keyUnder(next)

  test('keeps key id, public key and chain code; nothing else of the shares', () => {
    const common = ({ share, certificate }: KeygenResult) => ({ ...share, self: 0, secret: 0, certificate })
    for (const result of after) {
      expect(common(result)).toEqual(common(after[0]!))
      expect(result.share).toMatchObject({ keyId, publicKey, chainCode, withDevice: true })
      expect(shareHolds(fast, result.share)).toBe(true)
    }
    const secrets = new Set(sharesOf(before).map(({ secret }) => secret.join()))
    expect(after.filter(({ share }) => secrets.has(share.secret.join()))).toEqual([])
    expect(next.ssid).not.toEqual(ssid)
  })

  test('leaves a key for the device and every t nodes, by the slow reference, and for nobody less', () => {
    const values = valuesOf(after)
    for (const some of subsets(nodes, needed)) {
      expect(keyOf(pick(values, some))).toEqual(publicKey)
      expect(keyOf({ ...pick(values, some), device: 0n })).not.toEqual(publicKey)
    }
    for (const few of subsets(nodes, needed - 1)) expect(keyOf(pick(values, few))).not.toEqual(publicKey)
  })

  test('ends what the old shares were good for: no new ones with the old device, no old ones with the new', () => {
    const [was, is] = [valuesOf(before), valuesOf(after)]
    for (const some of subsets(nodes, needed)) {
      expect(keyOf({ ...pick(is, some), device: was.device })).not.toEqual(publicKey)
    }
    for (const some of subsets([...was.nodes.keys()], before[0]!.share.threshold - 1)) {
      expect(keyUnder(before[0]!.share)({ ...pick(was, some), device: is.device })).not.toEqual(publicKey)
    }
  })

  test('L3 every pair is new', () => {
    const tagsOf = (stages: readonly KeygenResult[]) =>
      stages.flatMap(({ pairs }) => pairs.map(({ asAlice }) => asAlice.tag.join()))
    const known = new Set(tagsOf(before))
    expect(tagsOf(after).filter((tag) => known.has(tag))).toEqual([])
    expect(tagsOf(after)).toHaveLength(next.parties * (next.parties - 1))
  })

  test('and the device signs with any t nodes, for the old addresses and every verifier', async () => {
    const key = signingKeyOf(after)
    const child = derive(fast, before[0]!.share, path).publicKey
    for (const some of subsets(nodes, needed)) {
      const signers = [...some, next.parties].map(partyIndex)
      const [signature] = outputs(await signAll({ ...key, signers }, how, { backend: fast }))
      expect(refusals(signature!, text, child)).toEqual([])
    }
  })

  test('L6 and recovery takes shares of one epoch, never of two', () => {
    const shares = sharesOf(after)
    const chosen = (some: readonly number[], device: KeyShare) => [...some.map((i) => shares[i - 1]!), device]
    for (const some of subsets(nodes, needed)) {
      expect(combineShares(fast, chosen(some, shares.at(-1)!)).publicKey).toEqual(publicKey)
      expect(() => combineShares(fast, chosen(some, before.at(-1)!.share))).toThrow('do not make the key')
    }
  })
})

describe('a refresh', () => {
  const bodyOf = (from: number, round: number, to = from === 1 ? 2 : 1) =>
    sentBy(refresh).find((m) => m.from === from && m.round === round && m.to === to)!.body

  test('is what the slow reference makes of the dealt polynomials', () => {
    const dealt = [1, 2, 3].map((i) => {
      const rng = seeded('refresh').fork(i)
      return [rng(32), rng(32)].map(fromBytesBE)
    })
    expect(valuesOf(renewed)).toEqual(refreshedWithDevice(valuesOf(old), dealt))
  })

  test('hashes what the spec says: each node’s δ·G among its points, nothing of the device', () => {
    const { ssid, publicKey, publicShares, chainCode } = old[0]!.share
    const stageId = seeded('refresh').fork('stage id')(32)
    const sid = TH('rf/sid', ssid, LE(1, 4), stageId, publicKey, ...publicShares, chainCode)
    const published = [1, 2, 3].map((i) => [bodyOf(i, 2).slice(0, 33), bodyOf(i, 2).slice(33, 66)])
    const coms = [1, 2, 3, 4].map((i) => bodyOf(i, 1).slice(32, 64))
    expect(coms).toEqual([...published, []].map((points, at) => TH('rf/com', sid, LE(at + 1, 2), ...points)))

    const { share } = renewed[0]!
    const views = [1, 2, 3, 4].flatMap((i) => [bodyOf(i, 1).slice(0, 32), bodyOf(i, 1).slice(32, 64)])
    expect(share.ssid).toEqual(TH('rf/ssid', sid, ...views))
    expect(share.conf).toEqual(
      TH('rf/conf', share.ssid, ...published.flat(), publicKey, ...share.publicShares, chainCode),
    )
    const sum = [0, 1].map((k) => published.map((points) => decompressed(points[k]!)).reduce(plus))
    const moved = publicShares.slice(0, 3).map((X, at) => compressed(plus(decompressed(X), imageAt(sum, at + 1))))
    expect(share.publicShares.slice(0, 3)).toEqual(moved)
    expect(compressed(plus(decompressed(share.publicShares[3]!), sum[0]))).toEqual(publicShares[3])
  })

  test('has bodies of the lengths the spec gives: the device publishes and deals nothing', () => {
    const pairing = 32 + 8448
    expect(bodyOf(1, 2)).toHaveLength(2 * 33 + 32 + pairing)
    expect(bodyOf(1, 2, 4)).toHaveLength(2 * 33 + 32 + pairing)
    expect(bodyOf(4, 2)).toHaveLength(pairing)
  })

  test('K1 an old device signs with no renewed node, and accuses nobody', async () => {
    const key = signingKeyOf([...renewed.slice(0, 3), old[3]!])
    const sim = await presignAll({ ...key, signers: [1, 2, 4].map(partyIndex) }, { backend: fast })
    for (const outcome of sim.outcomes.values()) {
      expect(outcome).toMatchObject({ abort: { code: 'MISMATCH', round: 1, culprits: [], verdict: 'retry' } })
    }
  })

  test('S13 an old secret of the device in the clothes of the new share makes no signature', async () => {
    const share = { ...renewed[3]!.share, secret: old[3]!.share.secret }
    const key = signingKeyOf([...renewed.slice(0, 3), { ...renewed[3]!, share }])
    const sim = await presignAll({ ...key, signers: [1, 2, 4].map(partyIndex) }, { backend: fast })
    expect(abortOf(sim, 1)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [] })
  })

  test('keeps the key as often as it runs, for every choice of nodes, and epochs do not mix', async () => {
    const { publicKey } = old[0]!.share
    const again = valuesOf(await refreshed(renewed, { backend, seed: 'again' }))
    const epochs = [valuesOf(old), valuesOf(renewed), again]
    fc.assert(
      fc.property(
        fc.shuffledSubarray([1, 2, 3], { minLength: 2 }),
        fc.array(fc.nat({ max: 2 }), { minLength: 4, maxLength: 4 }),
        (nodes, of) => {
          const mixed = {
            nodes: new Map(nodes.map((i) => [i, epochs[of[i - 1]!]!.nodes.get(i)!])),
            device: epochs[of[3]!]!.device,
          }
          const same = nodes.every((i) => of[i - 1] === of[3])
          expect(Buffer.from(publicKeyOf(mixed)).equals(publicKey)).toBe(same)
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('a reshare', () => {
  test('deals w·s + δ to the nodes and δ to the device, as the slow reference does', () => {
    const [before, after] = [valuesOf(renewed), valuesOf(grown)]
    const dealt = [
      { i: 1, place: 6 },
      { i: 3, place: 1 },
    ].map(({ i, place }) => {
      const rng = seeded('reshare').fork(place)
      const [delta, ...higher] = [rng(32), rng(32), rng(32)].map(fromBytesBE)
      return { delta: delta!, f: [(basisAt(i, [1, 3], 0) * before.nodes.get(i)! + delta!) % q, ...higher] }
    })
    const zero = new Map([1, 2, 3, 4].map((j) => [j, 0n]))
    const expected = refreshedWithDevice(
      { nodes: zero, device: 0n },
      dealt.map(({ f }) => f),
    )
    expect(after.nodes).toEqual(expected.nodes)
    expect(after.device).toBe(dealt.reduce((s, { delta }) => (s + q - delta) % q, before.device))
  })

  test('binds the committee’s size without the device, and a mode byte', () => {
    const [setup] = reshareSetups(renewed, grow).values()
    const { statement } = setup!.attested
    const { keyId, ssid, publicKey, publicShares, chainCode } = statement
    const key = [keyId, ssid, LE(1, 4), setup!.stageId, publicKey, ...publicShares, chainCode]
    const from = [LE(2, 2), LE(1, 2), LE(3, 2)]
    const to = [LE(4, 2), LE(3, 2), ...setup!.next.identities, Uint8Array.of(1)]
    expect(sentBy(growth)[0]!.sid).toEqual(TH('rs/sid', ...key, ...from, ...to))
  })

  test('has bodies of the lengths the spec gives: one point more, and one scalar to the device', () => {
    const lengthOf = (from: number, to: number) =>
      sentBy(growth).find((m) => m.round === 2 && m.from === from && m.to === to)!.body.length
    const pairing = 32 + 8448
    expect([lengthOf(1, 2), lengthOf(1, 5)]).toEqual([4 * 33 + 32 + pairing, 4 * 33 + 32 + pairing])
    expect([lengthOf(6, 5), lengthOf(1, 6), lengthOf(5, 1)]).toEqual([4 * 33 + 32, 4 * 33, pairing])
  })

  test('ends the old committee with the device’s old share alone: its nodes keep what they had in vain', () => {
    const was = valuesOf(renewed)
    for (const some of subsets([1, 2, 3], 2)) {
      expect(publicKeyOf(pick(was, some))).toEqual(old[0]!.share.publicKey)
      expect(publicKeyOf({ ...pick(was, some), device: valuesOf(grown).device })).not.toEqual(old[0]!.share.publicKey)
    }
  })
})
