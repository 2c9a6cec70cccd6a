import {
  combine,
  derive,
  fromBytesBE,
  keygen,
  type KeygenResult,
  onlineShare,
  presign,
  q,
  rehearsalQuorums,
  shareHolds,
} from '@tandem/ecdsa'
import { partyIndex, sessionId, UsageError } from '@tandem/rounds'
import * as fc from 'fast-check'
import { fast, remembering } from '../helpers/backends.ts'
import { dealtDeviceKey } from '../helpers/dealt-key.ts'
import { identityOf, keygenDeps, keygenParties, keygenSetup } from '../helpers/keygen.ts'
import { compressed, decompressed, G, plus, times } from '../helpers/reference/curve.ts'
import { keyWithDevice, weightWithDevice } from '../helpers/reference/device.ts'
import { LE, TH } from '../helpers/reference/hash.ts'
import { imageAt, subsets } from '../helpers/reference/shamir.ts'
import { referenceRounds } from '../helpers/reference/sign.ts'
import { signingKeyOf } from '../helpers/refresh.ts'
import { seeded } from '../helpers/rng.ts'
import { currentKey, messageOf, presignAll, signAll } from '../helpers/signing.ts'
import { abortOf, outputs, sentBy, simulate } from '../helpers/simulate.ts'
import { refusals, signedText } from '../helpers/verifiers.ts'

// Party 4 is the device of a key that it holds together with two of three nodes.

const backend = remembering(fast)
const shape = { threshold: 3, parties: 4, withDevice: true } as const
const DEVICE = partyIndex(4)
const run = await simulate(keygenParties({ ...shape, backend }))
const results = outputs(run)
const shares = results.map(({ share }) => share)
const { publicKey, publicShares } = shares[0]!
const quorums = subsets([1, 2, 3], 2).map((nodes) => [...nodes, DEVICE])
const key = signingKeyOf(results)
const by = (signers: readonly number[]) => ({ ...key, signers: signers.map(partyIndex) })
const text = signedText('device and committee')
const path = [44, 60]
const how = { message: messageOf(text.digest, path), assembler: 'all' as const }
const indices = (n: number) => Array.from({ length: n }, (_, i) => i + 1)
const publicKeyOf = (x: bigint) => compressed(times(x, G))
const valuesOf = (nodes: readonly number[], device: bigint) => ({
  nodes: new Map(nodes.map((i) => [i, fromBytesBE(shares[i - 1]!.secret)])),
  device,
})
const ownOfDevice = fromBytesBE(shares[3]!.secret)

describe('a new key', () => {
  test('is the same for everybody, and every share holds', () => {
    const common = ({ share, certificate }: KeygenResult) => ({ ...share, self: 0, secret: 0, certificate })
    for (const result of results) expect(common(result)).toEqual(common(results[0]!))
    expect(shares[0]).toMatchObject({ ...shape, epoch: 0 })
    for (const share of shares) {
      expect(shareHolds(fast, share)).toBe(true)
      expect(publicKeyOf(fromBytesBE(share.secret))).toEqual(publicShares[share.self - 1])
    }
  })

  test('needs the device and any two nodes, by the slow reference', () => {
    for (const nodes of [...subsets([1, 2, 3], 2), [1, 2, 3]]) {
      expect(publicKeyOf(keyWithDevice(valuesOf(nodes, ownOfDevice)))).toEqual(publicKey)
    }
  })

  test('is neither the nodes’ without the device, nor the device’s with one node, nor its own', () => {
    const others = [
      ...[
        [1, 2],
        [1, 3],
        [2, 3],
        [1, 2, 3],
      ].map((nodes) => valuesOf(nodes, 0n)),
      ...[[1], [2], [3], []].map((nodes) => valuesOf(nodes, ownOfDevice)),
    ]
    for (const values of others) expect(publicKeyOf(keyWithDevice(values))).not.toEqual(publicKey)
  })

  test('has no part of the device’s constant at any node, and none of the nodes’ at the device', () => {
    const { points } = openedBy(4)
    expect(points).toHaveLength(1)
    expect(points[0]).toEqual(publicShares[3])
    const lengths = (from: number, to: number) =>
      sentBy(run).flatMap((m) => (m.from === from && m.to === to ? m.body.length : []))
    const own = 32 + 32 + 65
    const pairing = 32 + 8448
    expect(lengths(1, 2)).toEqual([97, own + 2 * 33 + 32 + pairing, 5152, 64])
    expect(lengths(1, 4)).toEqual([97, own + 2 * 33 + pairing, 5152, 64])
    expect(lengths(4, 1)).toEqual([97, own + 33 + pairing, 5152, 64])
  })

  test('is set up between every two, the device and each node too', () => {
    const pairs = results.flatMap((result) => result.pairs)
    expect(pairs).toHaveLength(4 * 3)
    for (const mine of pairs) {
      const theirs = pairs.find(({ self, peer }) => self === mine.peer && peer === mine.self)!
      expect([theirs.zeroSeed, theirs.asBob.tag]).toEqual([mine.zeroSeed, mine.asAlice.tag])
    }
  })

  test('what is hashed is what the spec says: a mode byte ends kg/sid', () => {
    const { keyId, ssid, chainCode, conf } = shares[0]!
    const sid = TH('kg/sid', keyId, LE(3, 2), LE(2, 2), ...[1, 2, 3, 4].map(identityOf), Uint8Array.of(1))
    expect(sentBy(run)[0]!.sid).toEqual(sid)
    const opened = [1, 2, 3, 4].map(openedBy)
    for (const [at, { com, salt, points, cc }] of opened.entries()) {
      expect(com).toEqual(TH('kg/com', sid, LE(at + 1, 2), salt, ...points, cc))
    }
    const seen = TH('kg/conf', ...opened.map(({ bytes }) => bytes))
    expect(conf).toEqual(TH('kg/conf', ssid, seen, publicKey, ...publicShares, chainCode))
  })

  test('public shares are what the slow reference makes of the published points', () => {
    const opened = [1, 2, 3, 4].map((i) => openedBy(i).points.map(decompressed))
    const sum = [0, 1].map((k) => [0, 1, 2].map((i) => opened[i]![k]).reduce(plus))
    expect(publicShares.slice(0, 3)).toEqual([1, 2, 3].map((x) => compressed(imageAt(sum, x))))
    expect(publicKey).toEqual(compressed(plus(sum[0], opened[3]![0])))
  })

  test('K1 with a device is another session than without one', async () => {
    const [mixed, plain] = [keygenParties({ ...shape, backend }), keygenParties({ threshold: 3, parties: 4, backend })]
    const one = partyIndex(1)
    const sim = await simulate(new Map([...mixed, [one, plain.get(one)!]]))
    expect(abortOf(sim, 1)).toMatchObject({ code: 'MISMATCH', round: 1, culprits: [] })
  })

  test('of a device with one node of any number is refused: no node alone', () => {
    const setup = keygenSetup(1, shape)
    for (const threshold of [1, 2, 5]) {
      expect(() => keygen({ ...setup, threshold }, keygenDeps(partyIndex(1))).next()).toThrow(UsageError)
    }
  })
})

describe('signing', () => {
  test.each(quorums)('%i and %i sign with the device %i, for every verifier', async (...signers) => {
    const signatures = outputs(await signAll(by(signers), how, { backend: fast }))
    const child = derive(fast, shares[0]!, path).publicKey
    expect(signatures).toEqual(signers.map(() => signatures[0]))
    expect(refusals(signatures[0]!, text, child)).toEqual([])
  })

  test('works for the device and any t nodes of any committee, and a sum of fewer shares is no signature', async () => {
    const committee = fc
      .integer({ min: 2, max: 5 })
      .chain((n) =>
        fc.tuple(fc.integer({ min: 2, max: n }), fc.constant(n), fc.shuffledSubarray(indices(n), { minLength: n })),
      )
    await fc.assert(
      fc.asyncProperty(committee, fc.string({ maxLength: 20 }), async ([t, n, order], words) => {
        const dealt = dealtDeviceKey(fast, t, n, seeded(`${t} of ${n}`))
        const signers = [...order.slice(0, t).toSorted((a, b) => a - b), n + 1].map(partyIndex)
        const [signed, some] = [signedText(words), { ...dealt, signers }]
        const current = currentKey(some)
        const presignatures = outputs(await presignAll(some, { backend: fast, seed: words }))
        const online = presignatures.map((one) => onlineShare(fast, one, current, messageOf(signed.digest)))
        const parts = online.map((one) => one.share)
        const sum = (some: typeof parts) => combine(fast, online[0]!.target, some, 'any')
        expect(refusals(sum(parts), signed, current.publicKey)).toEqual([])
        // whoever is missing, the device or a node
        for (const at of parts.keys()) expect(() => sum(parts.toSpliced(at, 1))).toThrow('UNATTRIBUTED')
      }),
      { numRuns: 8 },
    )
  })

  test('S1 nobody signs without the device, nor the device with fewer than two nodes', () => {
    const start = (self: number, signers: readonly number[]) => {
      const session = { sigid: sessionId(seeded('sigid')(32)), signers: signers.map(partyIndex) }
      return presign(session, key.keys.get(partyIndex(self))!, { backend, rng: seeded('S1') }).next()
    }
    for (const signers of [[1, 2], [1, 2, 3], [1, 4], [1, 2, 3, 4], [4], [1, 4, 2]]) {
      expect(() => start(1, signers)).toThrow(UsageError)
    }
    expect(() => start(DEVICE, [1, 4])).toThrow(UsageError)
    expect(() => start(1, [1, 2, 4])).not.toThrow()
  })

  test('the slow reference weighs nodes among themselves and the device as it is', async () => {
    const signers = [1, 3, 4]
    const rng = seeded('reference')
    const simulation = await presignAll(by(signers), { backend: fast, seed: 'reference' })
    const parties = signers.map((index) => {
      const own = rng.fork(index)
      const { share, pairs } = key.keys.get(partyIndex(index))!
      const inRun = [...pairs].filter(([peer]) => signers.includes(peer))
      const zeroSeeds = new Map(inRun.map(([peer, { zeroSeed }]) => [peer as number, zeroSeed]))
      const weighted = (weightWithDevice(index, signers, DEVICE) * fromBytesBE(share.secret)) % q
      const [r, phi, salt] = [own(32), own(32), own(32)]
      return { index, share: weighted, zeroSeeds, r: fromBytesBE(r), phi: fromBytesBE(phi), salt }
    })
    const { ssid, epoch } = shares[0]!
    const sigid = rng.fork('sigid')(32)
    const rounds = referenceRounds({ ssid, epoch, mode: 0, sigid, bind: new Uint8Array(32), parties })
    expect(publicKeyOf(rounds.x)).toEqual(publicKey)
    const pkOf = (from: number) => {
      const { body } = sentBy(simulation).find((m) => m.from === from && m.round === 2)!
      return body.slice(-98, -65)
    }
    expect(signers.map(pkOf)).toEqual(rounds.pks)
    expect(outputs(simulation)[0]!.R).toEqual(rounds.R)
  })

  test('uses zero shares: what the device puts in is not its share, and is another in every run', async () => {
    const pkOf = async (seed: string) => {
      const sent = sentBy(await presignAll(by([1, 2, 4]), { backend: fast, seed }))
      return sent.find((m) => m.from === 4 && m.round === 2)!.body.slice(-98, -65)
    }
    const [first, second] = [await pkOf('one run'), await pkOf('another')]
    expect(new Set([first, second, publicShares[3]!].map(String)).size).toBe(3)
  })

  test('is rehearsed by quorums in which every two meet, each with the device', () => {
    expect(rehearsalQuorums(shape)).toEqual(quorums)
    for (const sharing of [
      { threshold: 4, parties: 6, withDevice: true },
      { threshold: 5, parties: 5, withDevice: true },
      { threshold: 8, parties: 11, withDevice: true },
    ]) {
      const meetings = rehearsalQuorums(sharing)
      for (const quorum of meetings) {
        expect(quorum).toHaveLength(sharing.threshold)
        expect(quorum.at(-1)).toBe(sharing.parties)
      }
      const everyone = Array.from({ length: sharing.parties }, (_, i) => partyIndex(i + 1))
      for (const two of subsets(everyone, 2)) {
        expect(meetings.some((quorum) => two.every((i) => quorum.includes(i)))).toBe(true)
      }
    }
  })
})

/** What a party committed to and opened. */
function openedBy(i: number) {
  const bodyOf = (round: number) => sentBy(run).find((m) => m.from === i && m.round === round)!.body
  const count = i === DEVICE ? 1 : 2
  const bytes = bodyOf(2).slice(0, 32 + 33 * count + 32 + 65)
  const points = Array.from({ length: count }, (_, k) => bytes.slice(32 + 33 * k, 65 + 33 * k))
  const after = 32 + 33 * count
  return { com: bodyOf(1).slice(32, 64), salt: bytes.slice(0, 32), points, cc: bytes.slice(after, after + 32), bytes }
}
