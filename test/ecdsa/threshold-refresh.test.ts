import { fromBytesBE, type KeygenResult, shareHolds, type Stage } from '@tandem/ecdsa'
import { fast, remembering } from '../helpers/backends.ts'
import { keygenParties } from '../helpers/keygen.ts'
import { compressed, decompressed, G, plus, times } from '../helpers/reference/curve.ts'
import { LE, TH } from '../helpers/reference/hash.ts'
import { imageAt, interpolated, subsets } from '../helpers/reference/shamir.ts'
import { refreshed, signingKeyOf, simulateRefresh } from '../helpers/refresh.ts'
import { seeded } from '../helpers/rng.ts'
import { messageOf, presignAll, signAll } from '../helpers/signing.ts'
import { abortOf, outputs, sentBy, simulate } from '../helpers/simulate.ts'
import { refusals, signedText } from '../helpers/verifiers.ts'

const backend = remembering(fast)
const generated = async (threshold: number, parties: number) =>
  outputs(await simulate(keygenParties({ threshold, parties, backend })))
const [old23, old34] = [await generated(2, 3), await generated(3, 4)]
const run23 = await simulateRefresh(old23, { backend })
const [new23, new34] = [outputs(run23), await refreshed(old34, { backend })]
const valuesOf = (stages: readonly Stage[]) =>
  stages.map(({ share }): [number, bigint] => [share.self, fromBytesBE(share.secret)])
const publicKeyOf = (values: readonly [number, bigint][]) => compressed(times(interpolated(new Map(values), 0), G))
const text = signedText('refreshed')
const how = { message: messageOf(text.digest), assembler: 'all' as const }

describe.each([
  ['t2n3', old23, new23, 2],
  ['t3n4', old34, new34, 3],
])('%s', (_, old, renewed, t) => {
  const { publicKey, chainCode, keyId, identities } = old[0]!.share

  test('all parties hold the same public shares, confirmation and certificate', () => {
    const common = ({ share, certificate }: KeygenResult) => ({ ...share, self: 0, secret: 0, certificate })
    for (const result of renewed) expect(common(result)).toEqual(common(renewed[0]!))
  })

  test('key id, public key, chain code, identities and threshold are the old ones; epoch, ssid and shares are not', () => {
    for (const [i, { share }] of renewed.entries()) {
      const before = old[i]!.share
      expect(share).toMatchObject({ keyId, publicKey, chainCode, identities, threshold: t, epoch: before.epoch + 1 })
      expect(shareHolds(fast, share)).toBe(true)
      for (const name of ['ssid', 'conf', 'secret', 'publicShares'] as const) {
        expect(share[name]).not.toEqual(before[name])
      }
      expect(share.publicShares.filter((X, j) => X.join() === before.publicShares[j]!.join())).toEqual([])
    }
  })

  test('every t new shares make the key; no t shares of which some are old do', () => {
    const [before, after] = [valuesOf(old), valuesOf(renewed)]
    for (const places of subsets([...after.keys()], t)) {
      expect(publicKeyOf(places.map((i) => after[i]!))).toEqual(publicKey)
      for (let mixture = 1; mixture < 2 ** t - 1; mixture++) {
        const mixed = places.map((i, at) => ((mixture >>> at) & 1 ? after : before)[i]!)
        expect(publicKeyOf(mixed)).not.toEqual(publicKey)
      }
    }
  })

  test('L3 every pair is set up anew', () => {
    const secretsOf = (stages: readonly Stage[]) =>
      stages.flatMap(({ pairs }) =>
        pairs.flatMap(({ zeroSeed, asAlice, asBob }) =>
          [zeroSeed, asAlice.pd, asAlice.tag, asAlice.seeds.coPath, asBob.seeds.roots].map(String),
        ),
      )
    const before = new Set(secretsOf(old))
    expect(secretsOf(renewed).filter((value) => before.has(value))).toEqual([])
  })

  test('any t of them sign under the old public key', async () => {
    const key = signingKeyOf(renewed)
    for (const signers of subsets(key.signers, t)) {
      const [signature] = outputs(await signAll({ ...key, signers }, how, { backend: fast }))
      expect(refusals(signature!, text, publicKey)).toEqual([])
    }
  })

  test('K1 a party that still holds its old share signs with nobody, and accuses nobody', async () => {
    const key = signingKeyOf([old[0]!, ...renewed.slice(1)])
    const sim = await presignAll({ ...key, signers: key.signers.slice(0, t) }, { backend: fast })
    for (const outcome of sim.outcomes.values()) {
      expect(outcome).toMatchObject({ abort: { code: 'MISMATCH', round: 1, culprits: [], verdict: 'retry' } })
    }
    expect(sim.events.filter((event) => 'recorded' in event)).toEqual([])
  })

  test('S13 an old secret in the clothes of the new share makes no signature', async () => {
    const [first, ...others] = renewed
    const share = { ...first!.share, secret: old[0]!.share.secret }
    const key = signingKeyOf([{ ...first!, share }, ...others])
    const sim = await signAll({ ...key, signers: key.signers.slice(0, t) }, how, { backend: fast })
    expect(abortOf(sim, 1)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [], verdict: 'retry' })
  })
})

test('three refreshes, one after the other, keep the key', async () => {
  let stages: readonly KeygenResult[] = new23
  for (const seed of ['second', 'third']) stages = await refreshed(stages, { backend: fast, seed })
  const { publicKey, chainCode } = old23[0]!.share
  expect(stages[2]!.share).toMatchObject({ epoch: 3, publicKey, chainCode })
  for (const some of subsets(valuesOf(stages), 2)) expect(publicKeyOf(some)).toEqual(publicKey)
})

test('bodies have the lengths the spec gives: no constant travels', async () => {
  const lengthsOf = (messages: ReturnType<typeof sentBy>) =>
    messages.flatMap(({ from, to, body }) => (from === 1 && to === 2 ? body.length : []))
  expect(lengthsOf(sentBy(run23))).toEqual([97, 33 + 32 + 32 + 8448, 5152, 64])
  const run34 = await simulateRefresh(old34, { backend })
  expect(lengthsOf(sentBy(run34))).toEqual([97, 2 * 33 + 32 + 32 + 8448, 5152, 64])
})

test('what is hashed is what the spec says, in its order', () => {
  const bodiesOf = (round: number) =>
    [1, 2, 3].map((i) => sentBy(run23).find((m) => m.from === i && m.round === round)!.body)
  const { ssid, publicKey, publicShares, chainCode } = old23[0]!.share
  const stageId = seeded('refresh').fork('stage id')(32)
  const sid = TH('rf/sid', ssid, LE(1, 4), stageId, publicKey, ...publicShares, chainCode)
  const published = bodiesOf(2).map((body) => body.slice(0, 33))
  const views = bodiesOf(1).map((body) => [body.slice(0, 32), body.slice(32, 64)] as const)
  for (const [i, [, com]] of views.entries()) expect(com).toEqual(TH('rf/com', sid, LE(i + 1, 2), published[i]!))

  const { share } = new23[0]!
  expect(share.ssid).toEqual(TH('rf/ssid', sid, ...views.flat()))
  expect(share.conf).toEqual(TH('rf/conf', share.ssid, ...published, publicKey, ...share.publicShares, chainCode))

  const slope = published.map(decompressed).reduce(plus, undefined)
  const moved = publicShares.map((X, at) => plus(decompressed(X), imageAt([undefined, slope], at + 1)))
  expect(share.publicShares).toEqual(moved.map(compressed))
})
