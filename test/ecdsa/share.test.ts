import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { hexToBytes } from '@noble/hashes/utils.js'
import {
  decodePair,
  decodeShare,
  decodeStage,
  encodePair,
  encodeShare,
  encodeStage,
  fromBytesBE,
  hideSecrets,
  type KeyShare,
  type PairSetup,
  q,
  shareHolds,
  toBytes32,
} from '@tandem/ecdsa'
import { partyIndex, UsageError } from '@tandem/rounds'
import { backends, fast } from '../helpers/backends.ts'
import { keygenParties } from '../helpers/keygen.ts'
import { outputs, simulate } from '../helpers/simulate.ts'

type Golden = { readonly publicKey: string; readonly stages: readonly [string, string] }

const golden = JSON.parse(readFileSync(new URL('../vectors/stage-v1_tandem.json', import.meta.url), 'utf8')) as Golden
const [first, second] = golden.stages.map((hex) => decodeStage(fast, hexToBytes(hex))) as [Stage, Stage]
const { share } = first
const [pair] = first.pairs as [PairSetup]
type Stage = ReturnType<typeof decodeStage>

describe('yesterday’s encoding', () => {
  test.each(backends)('still loads, on $name, and encodes to the same bytes', (backend) => {
    for (const hex of golden.stages) {
      const stage = decodeStage(backend, hexToBytes(hex))
      expect(stage.share.publicKey).toEqual(hexToBytes(golden.publicKey))
      expect(encodeStage(backend, stage)).toEqual(hexToBytes(hex))
    }
  })

  test('holds the two halves of one key', () => {
    const sum = (fromBytesBE(first.share.secret) + fromBytesBE(second.share.secret)) % q
    expect(fast.encode(fast.mulBase(sum))).toEqual(hexToBytes(golden.publicKey))
  })
})

describe('share', () => {
  const bytes = encodeShare(fast, share)

  test('round trip', () => {
    expect(bytes).toHaveLength(213 + 65 * 2)
    expect(decodeShare(fast, bytes)).toEqual(share)
  })

  test('every truncation and every longer form is refused', () => {
    for (let n = 0; n < bytes.length; n++) expect(() => decodeShare(fast, bytes.slice(0, n))).toThrow(UsageError)
    expect(() => decodeShare(fast, Uint8Array.of(...bytes, 0))).toThrow(UsageError)
  })

  test('every changed bit is refused', () => {
    for (let bit = 0; bit < 8 * bytes.length; bit += 3) {
      expect(() => decodeShare(fast, flipBit(bytes, bit))).toThrow(UsageError)
    }
  })

  const broken: Record<string, Partial<KeyShare>> = {
    'a secret that is not the logarithm of its public share': { secret: toBytes32(5n) },
    'a secret of zero': { secret: new Uint8Array(32) },
    'a secret of q and above': { secret: new Uint8Array(32).fill(0xff) },
    'a public key that is not the sum of the shares': { publicKey: share.publicShares[0]! },
    'public shares in another order': { publicShares: share.publicShares.toReversed() },
    'the index of another party': { self: partyIndex(2) },
    'an index beyond the parties': { self: partyIndex(3) },
    'a threshold below the number of parties': { threshold: 1 },
    'one party': { parties: 1, threshold: 1 },
    'a key id of zeros': { keyId: new Uint8Array(32) as KeyShare['keyId'] },
    'a session id of zeros': { ssid: new Uint8Array(32) as KeyShare['ssid'] },
    'a public share off the curve': { publicShares: [share.publicShares[0]!, new Uint8Array(33)] },
  }
  for (const [name, change] of Object.entries(broken)) {
    test(`${name} is refused, with a good checksum`, () => {
      expect(() => decodeShare(fast, encodeShare(fast, { ...share, ...change }))).toThrow(UsageError)
    })
  }

  test('an unknown version is refused', () => {
    const body = bytes.slice(0, -8).with(4, 3)
    const sum = fast.sha256(body).slice(0, 8)
    expect(() => decodeShare(fast, Uint8Array.of(...body, ...sum))).toThrow('version')
  })

  test('K8 the invariants hold for a share and for nothing near it', () => {
    expect(shareHolds(fast, share)).toBe(true)
    expect(shareHolds(fast, { ...share, publicShares: share.publicShares.slice(0, 1) })).toBe(false)
    expect(shareHolds(fast, { ...share, publicShares: [] })).toBe(false)
    expect(shareHolds(fast, { ...share, secret: share.secret.slice(1) })).toBe(false)
  })
})

describe('pair', () => {
  const bytes = encodePair(fast, pair)

  test('round trip', () => {
    expect(bytes).toHaveLength(3231)
    expect(decodePair(fast, share, bytes)).toEqual(pair)
  })

  test('every truncation is refused', () => {
    for (let n = 0; n < bytes.length; n += 13)
      expect(() => decodePair(fast, share, bytes.slice(0, n))).toThrow(UsageError)
    expect(() => decodePair(fast, share, Uint8Array.of(...bytes, 0))).toThrow(UsageError)
  })

  test('every changed bit is refused: a damaged seed must not look like a cheating peer', () => {
    for (let bit = 0; bit < 8 * bytes.length; bit += 11) {
      expect(() => decodePair(fast, share, flipBit(bytes, bit))).toThrow(UsageError)
    }
  })

  const broken: Record<string, Partial<PairSetup>> = {
    'with ourselves': { peer: share.self },
    'of another party': { self: partyIndex(2), peer: partyIndex(1) },
    'with a peer the key does not have': { peer: partyIndex(3) },
    'of another run in the direction of Alice': { asAlice: { ...pair.asAlice, pd: new Uint8Array(32) } },
    'of another run in the direction of Bob': { asBob: { ...pair.asBob, pd: pair.asAlice.pd } },
    'punctured outside its trees': {
      asAlice: { ...pair.asAlice, seeds: { ...pair.asAlice.seeds, punctured: new Uint8Array(32).fill(16) } },
    },
  }
  for (const [name, change] of Object.entries(broken)) {
    test(`one ${name} is refused, with a good checksum`, () => {
      expect(() => decodePair(fast, share, encodePair(fast, { ...pair, ...change }))).toThrow(UsageError)
    })
  }

  test('one of another epoch is refused', () => {
    expect(() => decodePair(fast, { ...share, epoch: 1 }, bytes)).toThrow('pair')
  })
})

describe('stage', () => {
  test('of three parties: round trip, and less than 12 000 bytes', async () => {
    for (const stage of outputs(await simulate(keygenParties({ parties: 3 })))) {
      const bytes = encodeStage(fast, stage)
      expect(bytes.length).toBeLessThan(12_000)
      expect(decodeStage(fast, bytes)).toEqual({ share: stage.share, pairs: stage.pairs })
      expect(() => decodeStage(fast, encodeStage(fast, { ...stage, pairs: stage.pairs.toReversed() }))).toThrow('pairs')
      expect(() => decodeStage(fast, encodeStage(fast, { ...stage, pairs: stage.pairs.slice(1) }))).toThrow('length')
    }
  })

  test('one of each part, or with a byte more, is refused', () => {
    const bytes = encodeStage(fast, first)
    expect(() => decodeStage(fast, encodeShare(fast, share))).toThrow(UsageError)
    expect(() => decodeStage(fast, encodePair(fast, pair))).toThrow(UsageError)
    expect(() => decodeStage(fast, Uint8Array.of(...bytes, 0))).toThrow(UsageError)
    expect(() => decodeStage(fast, new Uint8Array(0))).toThrow(UsageError)
  })

  test('a pair of another key is refused', () => {
    expect(() => decodeStage(fast, encodeStage(fast, { share, pairs: second.pairs }))).toThrow(UsageError)
  })
})

describe('nothing secret prints', () => {
  const secrets = [share.secret, pair.zeroSeed, pair.asAlice.seeds.coPath, pair.asBob.seeds.roots]
  const formsOf = (bytes: Uint8Array) => {
    const start = bytes.slice(0, 6)
    return [start.join(','), start.join(', '), Buffer.from(start).toString('hex'), JSON.stringify(start).slice(1, -1)]
  }
  const shows = (text: string, hidden: readonly Uint8Array[]) =>
    hidden.flatMap(formsOf).some((form) => text.includes(form))

  test('of a decoded or generated result, in JSON or an inspector', async () => {
    const [made] = outputs(await simulate(keygenParties()))
    for (const value of [first, share, pair, made!, made!.share, made!.pairs, { nested: [first] }]) {
      for (const text of [JSON.stringify(value), inspect(value, { depth: 9, maxArrayLength: 9999, compact: 9 })]) {
        expect(shows(text, [...secrets, made!.share.secret, made!.pairs[0]!.zeroSeed])).toBe(false)
        expect(text.includes('[secret]')).toBe(true)
      }
    }
    expect(shows(JSON.stringify({ bare: share.secret }), secrets)).toBe(true)
  })

  test('in an error of the decoder', () => {
    const messages = [0, 40, 80, 120, 200].map((at) => {
      const bytes = encodeShare(fast, share)
      try {
        return decodeShare(fast, flipBit(bytes, 8 * at)) && 'decoded'
      } catch (error) {
        return inspect(error)
      }
    })
    expect(messages.map((message) => shows(message, secrets))).toEqual(Array(5).fill(false))
  })

  test('and the marks of that are not fields: they are neither copied nor compared', () => {
    const value = hideSecrets({ secret: 1 })
    expect(Object.keys(value)).toEqual(['secret'])
    expect({ ...value }).toEqual({ secret: 1 })
  })
})

function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7)))
}
