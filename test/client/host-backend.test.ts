import { secp256k1 } from '@noble/curves/secp256k1.js'
import { native } from '@tandem/ec-native'
import { type Point as NativePoint, noble } from '@tandem/ecdsa'
import { backendWith } from '../../shared/client/src/host-backend.ts'
import { generate, open, presignBoth, signOnline } from '../bench/parties.ts'
import { seeded } from '../helpers/rng.ts'

const { Point } = secp256k1
const q = Point.Fn.ORDER

/** A host's library: libsecp256k1 where it is there, whose points are their 65 bytes. */
const library = native()
const multiply = (point: Uint8Array, scalar: Uint8Array): Uint8Array => {
  const k = Point.Fn.fromBytes(scalar)
  if (library === undefined) return Point.fromBytes(point).multiply(k).toBytes(false)
  return library.mul(point as unknown as NativePoint, k) as unknown as Uint8Array
}

test('with the multiplication of a host everything is as with noble’s, zero and the identity too', () => {
  const lent = backendWith(multiply)
  const rng = seeded('a lent curve')
  const scalars = [0n, 1n, 2n, q - 1n, ...Array.from({ length: 4 }, () => Point.Fn.fromBytes(rng(32), true) % q)]
  const P = noble.randomPoint(rng)
  for (const k of scalars) {
    expect(noble.equal(lent.mulBase(k), noble.mulBase(k))).toBe(true)
    expect(noble.equal(lent.mul(P, k), noble.mul(P, k))).toBe(true)
    expect(noble.equal(lent.fixed(P)(k), noble.fixed(P)(k))).toBe(true)
    expect(lent.isIdentity(lent.mul(lent.identity, k))).toBe(true)
  }
})

test('a key is generated and signs with it', () => {
  const lent = backendWith(multiply)
  const keys = generate(lent).map((result) => open(lent, result))
  const { presignatures } = presignBoth(lent, keys)
  expect(signOnline(lent, keys[0]!, presignatures).signature.compact).toHaveLength(64)
})

test('a host that answers with something that is no point of the curve is refused', () => {
  const answers = [new Uint8Array(65), new Uint8Array(33), undefined as never]
  for (const answer of answers) expect(() => backendWith(() => answer).mulBase(5n)).toThrow()
})
