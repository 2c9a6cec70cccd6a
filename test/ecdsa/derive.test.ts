import { UsageError } from '@tandem/rounds'
import * as fc from 'fast-check'
import { derive } from '../../shared/ecdsa/src/derive.ts'
import type { Backend } from '../../shared/ecdsa/src/math/backend.ts'
import { noble } from '../../shared/ecdsa/src/math/noble.ts'
import { q, toBytes32 } from '../../shared/ecdsa/src/math/scalar.ts'
import { fromXpub } from '../helpers/base58.ts'

// BIP-32, test vectors 1 and 2: every step without hardening.
const STEPS = [
  {
    name: "vector 1, m/0'/1",
    parent:
      'xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw',
    path: [1],
    child:
      'xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ',
  },
  {
    name: "vector 1, m/0'/1/2'/2/1000000000 in two levels",
    parent:
      'xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5',
    path: [2, 1000000000],
    child:
      'xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTvXEYBVPamhGW6cFJodrTHy',
  },
  {
    name: 'vector 2, m/0',
    parent:
      'xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB',
    path: [0],
    child:
      'xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH',
  },
  {
    name: "vector 2, m/0/2147483647'/1",
    parent:
      'xpub6ASAVgeehLbnwdqV6UKMHVzgqAG8Gr6riv3Fxxpj8ksbH9ebxaEyBLZ85ySDhKiLDBrQSARLq1uNRts8RuJiHjaDMBU4Zn9h8LZNnBC5y4a',
    path: [1],
    child:
      'xpub6DF8uhdarytz3FWdA8TvFSvvAh8dP3283MY7p2V4SeE2wyWmG5mg5EwVvmdMVCQcoNJxGoWaU9DCWh89LojfZ537wTfunKau47EL2dhHKon',
  },
  {
    name: "vector 2, m/0/2147483647'/1/2147483646'/2",
    parent:
      'xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHWkY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL',
    path: [2],
    child:
      'xpub6FnCn6nSzZAw5Tw7cgR9bi15UV96gLZhjDstkXXxvCLsUXBGXPdSnLFbdpq8p9HmGsApME5hQTZ3emM2rnY5agb9rXpVGyy3bdW6EEgAtqt',
  },
]

// Vectors 3 and 4 (leading zeros) have hardened steps only: those are refused, and the keys are good parents.
const HARDENED_ONLY = [
  'xpub661MyMwAqRbcEZVB4dScxMAdx6d4nFc9nvyvH3v4gJL378CSRZiYmhRoP7mBy6gSPSCYk6SzXPTf3ND1cZAceL7SfJ1Z3GC8vBgp2epUt13',
  'xpub661MyMwAqRbcGczjuMoRm6dXaLDEhW1u34gKenbeYqAix21mdUKJyuyu5F1rzYGVxyL6tmgBUAEPrEz92mBXjByMRiJdba9wpnN37RLLAXa',
]

// Vector 5: what stands where a public key should.
const NOT_KEYS = ['04', '01'].map((prefix) => prefix + fromHexOf(fromXpub(HARDENED_ONLY[0]!).publicKey).slice(2))
const OFF_CURVE = `02${'7'.padStart(64, '0')}`

test.each(STEPS)('derives BIP-32 $name', ({ parent, path, child }) => {
  const { epsilon, ...derived } = derive(noble, fromXpub(parent), path)

  expect(derived).toEqual(fromXpub(child))
  const X = noble.decode(fromXpub(parent).publicKey)
  expect(noble.encode(noble.add(X, noble.mulBase(epsilon)))).toEqual(derived.publicKey)
})

test('leaves the root as it is, with offset zero', () => {
  const root = fromXpub(STEPS[0]!.parent)
  expect(derive(noble, root, [])).toEqual({ ...root, epsilon: 0n })
})

test.each(HARDENED_ONLY)('S26 refuses the hardened step of vectors 3 and 4, and takes an ordinary one: %s', (xpub) => {
  const root = fromXpub(xpub)
  expect(() => derive(noble, root, [2 ** 31])).toThrow(UsageError)
  expect(derive(noble, root, [0]).publicKey).toHaveLength(33)
})

test.each([...NOT_KEYS, OFF_CURVE])('refuses what vector 5 calls an invalid public key: %s', (hex) => {
  const parent = { ...fromXpub(HARDENED_ONLY[0]!), publicKey: Uint8Array.from(Buffer.from(hex, 'hex')) }
  expect(() => derive(noble, parent, [0])).toThrow(RangeError)
})

test.each([[-1], [0.5], [Number.NaN], [2 ** 31], [2 ** 32], [1e300]])('S26 refuses the index %s', (index) => {
  expect(() => derive(noble, fromXpub(STEPS[0]!.parent), [0, index])).toThrow(UsageError)
})

test('S26 refuses an eleventh level', () => {
  const root = fromXpub(STEPS[0]!.parent)
  const ten = Array.from({ length: 10 }, (_, i) => i)
  expect(derive(noble, root, ten).publicKey).toHaveLength(33)
  expect(() => derive(noble, root, [...ten, 0])).toThrow(UsageError)
})

test('S26 refuses an index whose left half is not below the order', () => {
  const root = fromXpub(STEPS[0]!.parent)
  expect(() => derive(withHmac(toBytes32(q)), root, [0])).toThrow(UsageError)
  expect(derive(withHmac(toBytes32(q - 1n)), root, [0]).epsilon).toBe(q - 1n)
})

test('S26 refuses an index that leads to the point at infinity', () => {
  const parent = { chainCode: new Uint8Array(32), publicKey: noble.encode(noble.mulBase(5n)) }
  expect(() => derive(withHmac(toBytes32(q - 5n)), parent, [0])).toThrow(UsageError)
})

test('derives level by level as in one go', () => {
  const root = fromXpub(STEPS[2]!.parent)
  const index = fc.integer({ min: 0, max: 2 ** 31 - 1 })
  fc.assert(
    fc.property(fc.array(index, { maxLength: 4 }), fc.array(index, { maxLength: 4 }), (first, second) => {
      const there = derive(noble, root, first)
      const further = derive(noble, there, second)
      const atOnce = derive(noble, root, [...first, ...second])
      expect({ ...atOnce, epsilon: 0n }).toEqual({ ...further, epsilon: 0n })
      expect(atOnce.epsilon).toBe((there.epsilon + further.epsilon) % q)
    }),
    { numRuns: 20 },
  )
})

/** HMAC-SHA512 that cannot be found by trying: the left half is given. */
function withHmac(left: Uint8Array): Backend {
  return { ...noble, hmacSha512: () => Uint8Array.from([...left, ...new Uint8Array(32)]) }
}

function fromHexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
