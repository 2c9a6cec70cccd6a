import { readFileSync } from 'node:fs'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import {
  decodeShare,
  decodeStage,
  encodeShare,
  encodeStage,
  fromBytesBE,
  keygen,
  type KeygenResult,
  type KeyShare,
  shareHolds,
} from '@tandem/ecdsa'
import { partyIndex, UsageError } from '@tandem/rounds'
import { fast, remembering } from '../helpers/backends.ts'
import { identityOf, keygenDeps, keygenParties, keygenSetup } from '../helpers/keygen.ts'
import { compressed, decompressed, G, times } from '../helpers/reference/curve.ts'
import { H2S, LE, TH } from '../helpers/reference/hash.ts'
import { imageAt, interpolated, subsets } from '../helpers/reference/shamir.ts'
import { outputs, sentBy, simulate } from '../helpers/simulate.ts'

type Golden = { readonly publicKey: string; readonly shares: readonly string[] }

const golden = JSON.parse(
  readFileSync(new URL('../vectors/share-t2n3-v1_tandem.json', import.meta.url), 'utf8'),
) as Golden
const backend = remembering(fast)
const simulated = (threshold: number, parties: number) => simulate(keygenParties({ threshold, parties, backend }))
const [run23, run35] = [await simulated(2, 3), await simulated(3, 5)]
const [t2n3, t3n5] = [outputs(run23), outputs(run35)]
const secretsOf = (results: readonly KeygenResult[]) =>
  results.map(({ share }): [number, bigint] => [share.self, fromBytesBE(share.secret)])
const publicKeyOf = (x: bigint) => compressed(times(x, G))

describe.each([
  ['t2n3', t2n3, 2],
  ['t3n5', t3n5, 3],
])('%s', (_, results, t) => {
  const { publicKey, publicShares } = results[0]!.share

  test('all parties hold the same public key, public shares, chain code, confirmation and certificate', () => {
    const common = ({ share, certificate }: KeygenResult) => ({ ...share, self: 0, secret: 0, certificate })
    for (const result of results) expect(common(result)).toEqual(common(results[0]!))
    expect(results[0]!.share).toMatchObject({ threshold: t, parties: results.length, epoch: 0 })
  })

  test('every t of them have the private key', () => {
    for (const quorum of subsets(secretsOf(results), t)) {
      expect(publicKeyOf(interpolated(new Map(quorum), 0))).toEqual(publicKey)
    }
  })

  test('t − 1 of them have something else', () => {
    for (const few of subsets(secretsOf(results), t - 1)) {
      expect(publicKeyOf(interpolated(new Map(few), 0))).not.toEqual(publicKey)
    }
  })

  test('every public share belongs to its secret, and the share holds', () => {
    for (const { share } of results) {
      expect(publicKeyOf(fromBytesBE(share.secret))).toEqual(publicShares[share.self - 1])
      expect(shareHolds(fast, share)).toBe(true)
    }
  })

  test('every two parties are a pair, with one zero seed and one tag per direction', () => {
    const pairs = results.flatMap((result) => result.pairs)
    expect(pairs).toHaveLength(results.length * (results.length - 1))
    for (const mine of pairs) {
      const theirs = pairs.find(({ self, peer }) => self === mine.peer && peer === mine.self)!
      expect(theirs.zeroSeed).toEqual(mine.zeroSeed)
      expect([theirs.asBob.pd, theirs.asBob.tag]).toEqual([mine.asAlice.pd, mine.asAlice.tag])
    }
    expect(new Set(pairs.map(({ asAlice }) => asAlice.tag.join())).size).toBe(pairs.length)
  })

  test('what is stored loads again', () => {
    for (const { share, pairs } of results) {
      expect(decodeStage(fast, encodeStage(fast, { share, pairs }))).toEqual({ share, pairs })
    }
  })
})

describe('yesterday’s encoding', () => {
  const shares = golden.shares.map((hex) => decodeShare(fast, hexToBytes(hex)))

  test('of a 2-of-3 share still loads, and encodes to the same bytes', () => {
    expect(shares.map((share) => bytesToHex(encodeShare(fast, share)))).toEqual(golden.shares)
  })

  test('holds parts of one key: every two make it', () => {
    const values = shares.map(({ self, secret }): [number, bigint] => [self, fromBytesBE(secret)])
    for (const two of subsets(values, 2)) {
      expect(publicKeyOf(interpolated(new Map(two), 0))).toEqual(hexToBytes(golden.publicKey))
    }
  })

  test('another threshold, or public shares that are on no line, are refused with a good checksum', () => {
    const [share] = shares as [KeyShare]
    const { publicShares } = share
    const moved = fast.encode(fast.add(fast.decode(publicShares[2]!), fast.mulBase(1n)))
    for (const change of [
      { threshold: 1 },
      { threshold: 3 },
      { threshold: 4 },
      { publicShares: publicShares.with(2, moved) },
    ]) {
      expect(() => decodeShare(fast, encodeShare(fast, { ...share, ...change }))).toThrow(UsageError)
    }
  })
})

test('bodies have the lengths the spec gives', () => {
  const lengths = sentBy(run35).flatMap(({ from, to, body }) => (from === 1 && to === 2 ? body.length : []))
  expect(lengths).toEqual([97, 32 + 3 * 33 + 32 + 65 + 32 + 32 + 8448, 5152, 64])
})

test('what is hashed is what the spec says, in its order', () => {
  const parties = [1, 2, 3, 4, 5]
  const bodyOf = (from: number, round: number) => {
    return sentBy(run35).find((m) => m.from === from && m.round === round)!.body
  }
  const { keyId, ssid, publicKey, publicShares, chainCode, conf } = t3n5[0]!.share
  const sid = TH('kg/sid', keyId, LE(5, 2), LE(3, 2), ...parties.map(identityOf))
  expect(sentBy(run35)[0]!.sid).toEqual(sid)

  const opened = parties.map((i) => {
    const body = bodyOf(i, 2)
    const points = [0, 1, 2].map((k) => body.slice(32 + 33 * k, 65 + 33 * k))
    const [cc, T, z] = [body.slice(131, 163), body.slice(163, 196), body.slice(196, 228)]
    return { i, salt: body.slice(0, 32), points, cc, T, z, bytes: body.slice(0, 228) }
  })
  for (const { i, salt, points, cc, T, z } of opened) {
    expect(bodyOf(i, 1).slice(32, 64)).toEqual(TH('kg/com', sid, LE(i, 2), salt, ...points, cc))
    const e = H2S('kg/pok', ssid, LE(i, 2), ...points, T)
    const right = fast.add(fast.decode(T), fast.mulPublic(fast.decode(points[0]!), e))
    expect(fast.encode(fast.mulBase(fromBytesBE(z)))).toEqual(fast.encode(right))
  }
  expect(ssid).toEqual(
    TH('kg/ssid', sid, ...parties.flatMap((i) => [bodyOf(i, 1).slice(0, 32), bodyOf(i, 1).slice(32, 64)])),
  )
  expect(chainCode).toEqual(TH('kg/cc', ssid, ...opened.map(({ cc }) => cc)))
  const seen = TH('kg/conf', ...opened.map(({ bytes }) => bytes))
  expect(conf).toEqual(TH('kg/conf', ssid, seen, publicKey, ...publicShares, chainCode))
})

test('public shares are what the slow reference makes of the published points', () => {
  const { publicKey, publicShares } = t2n3[0]!.share
  const bodies = [1, 2, 3].map((from) => sentBy(run23).find((m) => m.from === from && m.round === 2)!.body)
  const sum = [0, 1].map((k) => {
    const points = bodies.map((body) => fast.decode(body.slice(32 + 33 * k, 65 + 33 * k)))
    return decompressed(fast.encode(points.reduce((a, b) => fast.add(a, b))))
  })
  expect([publicKey, ...publicShares]).toEqual([0, 1, 2, 3].map((x) => compressed(imageAt(sum, x))))
})

test('a threshold no key has is our own mistake', () => {
  const setup = keygenSetup(1, { parties: 3 })
  for (const threshold of [0, 1, 4, 2.5, Number.NaN]) {
    expect(() => keygen({ ...setup, threshold }, keygenDeps(partyIndex(1))).next()).toThrow(UsageError)
  }
})

test('K1 another threshold is another session: parties that disagree on it get nowhere', async () => {
  const [two, three] = [2, 3].map((threshold) => keygenParties({ threshold, parties: 4, backend }))
  const one = partyIndex(1)
  const sim = await simulate(new Map([...two!, [one, three!.get(one)!]]))
  for (const { status } of sim.outcomes.values()) expect(status).toBe('aborted')
  expect(sim.outcomes.get(one)).toMatchObject({ abort: { code: 'MISMATCH', round: 1, culprits: [] } })
})
