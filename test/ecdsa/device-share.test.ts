import { readFileSync } from 'node:fs'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import {
  combineShares,
  decodeShare,
  decodeStage,
  encodeShare,
  encodeStage,
  fromBytesBE,
  type KeyShare,
  shareOfPeer,
} from '@tandem/ecdsa'
import { partyIndex, UsageError } from '@tandem/rounds'
import * as fc from 'fast-check'
import { fast, remembering } from '../helpers/backends.ts'
import { keygenParties } from '../helpers/keygen.ts'
import { compressed, G, times } from '../helpers/reference/curve.ts'
import { subsets } from '../helpers/reference/shamir.ts'
import { outputs, simulate } from '../helpers/simulate.ts'

// Shares of a key that a device (party 4) holds together with two of three nodes: at rest, and put together again.

type Golden = { readonly publicKey: string; readonly shares: readonly string[] }

const backend = remembering(fast)
const shape = { threshold: 3, parties: 4, withDevice: true } as const
const DEVICE = partyIndex(4)
const results = outputs(await simulate(keygenParties({ ...shape, backend })))
const shares = results.map(({ share }) => share)
const { publicKey } = shares[0]!
const publicKeyOf = (x: bigint) => compressed(times(x, G))

describe('at rest', () => {
  const golden = JSON.parse(
    readFileSync(new URL('../vectors/share-device-t2n3-v2_tandem.json', import.meta.url), 'utf8'),
  ) as Golden

  test('what is stored loads again', () => {
    for (const { share, pairs } of results) {
      expect(decodeStage(fast, encodeStage(fast, { share, pairs }))).toEqual({ share, pairs })
    }
  })

  test('version 2 of the encoding still loads, and encodes to the same bytes', () => {
    const loaded = golden.shares.map((hex) => decodeShare(fast, hexToBytes(hex)))
    expect(loaded.map((share) => bytesToHex(encodeShare(fast, share)))).toEqual(golden.shares)
    expect(loaded[0]).toMatchObject(shape)
    expect(bytesToHex(combineShares(fast, loaded.slice(1)).publicKey)).toBe(golden.publicKey)
  })

  test('a device share is no share of a plain key, nor the reverse, with a good checksum', () => {
    const [share] = shares as [KeyShare]
    const bytes = encodeShare(fast, share)
    expect(bytes).toHaveLength(213 + 65 * 4 + 1)
    expect(bytes[4]).toBe(2)
    const summed = (body: Uint8Array) => Uint8Array.of(...body, ...fast.sha256(body).slice(0, 8))
    for (const mode of [0, 2]) {
      expect(() => decodeShare(fast, summed(bytes.slice(0, -8).with(-1, mode)))).toThrow('mode')
    }
    const { withDevice: _, ...plain } = share
    expect(() => decodeShare(fast, encodeShare(fast, plain))).toThrow(UsageError)
    expect(() => decodeShare(fast, summed(bytes.slice(0, -9).with(4, 1)))).toThrow(UsageError)
    for (const threshold of [2, 4]) {
      expect(() => decodeShare(fast, encodeShare(fast, { ...share, threshold }))).toThrow(UsageError)
    }
  })
})

describe('recovery', () => {
  const chosen = (...indices: number[]) => indices.map((i) => shares[i - 1]!)

  test('any set that could sign, in any order, makes the key; with more of them too', async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([1, 2, 3], { minLength: 2 }), fc.nat({ max: 3 }), async (nodes, at) => {
        const set = chosen(...nodes.toSpliced(at, 0, DEVICE))
        const { secret } = combineShares(fast, set)
        expect(publicKeyOf(fromBytesBE(secret))).toEqual(publicKey)
      }),
      { numRuns: 8 },
    )
  })

  test('L6 the nodes without the device, the device with one node, and anybody twice do not', () => {
    for (const set of [chosen(1, 2, 3), chosen(1, 4), chosen(4), chosen(1, 1, 4), chosen(1, 2, 4, 4)]) {
      expect(() => combineShares(fast, set)).toThrow('do not make the key')
    }
  })

  test('L6 any two of a 2-of-3 committee do, one does not, and neither does one twice', async () => {
    const plain = outputs(await simulate(keygenParties({ threshold: 2, parties: 3, backend }))).map(
      ({ share }) => share,
    )
    for (const two of [...subsets(plain, 2), plain]) {
      expect(publicKeyOf(fromBytesBE(combineShares(fast, two).secret))).toEqual(plain[0]!.publicKey)
    }
    const [a, b] = plain as [KeyShare, KeyShare]
    for (const set of [[a], [a, a], [a, b, b]]) expect(() => combineShares(fast, set)).toThrow('do not make the key')
  })

  test('a node’s share comes back from its secret', () => {
    const [node, device] = [shares[1]!, shares[3]!]
    const back = shareOfPeer(fast, device, partyIndex(2), node.secret)
    expect(encodeShare(fast, back)).toEqual(encodeShare(fast, node))
  })
})
