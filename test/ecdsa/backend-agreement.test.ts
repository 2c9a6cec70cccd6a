import { ed25519 } from '@noble/curves/ed25519.js'
import { secp256k1, secp256k1_hasher } from '@noble/curves/secp256k1.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { type Backend, fromBytesBE, noble, type Point, q, toBytes32 } from '@tandem/ecdsa'
import { loadAddon } from '../../shared/ec-native/src/addon.ts'
import { mapToCurve as nativeMap } from '../../shared/ec-native/src/hash-to-curve.ts'
import { mapToCurve } from '../../shared/ecdsa/src/math/hash-to-curve.ts'
import { backends } from '../helpers/backends.ts'
import { seeded } from '../helpers/rng.ts'

const EDGES = [0n, 1n, 2n, 3n, q - 1n, q - 2n, (q - 1n) / 2n, 2n ** 128n, 2n ** 255n]
const scalars = [...EDGES, ...Array.from({ length: 20 }, (_, i) => fromBytesBE(seeded(`scalar ${i}`)(32)) % q)]
const hexOf = (backend: Backend, P: Point) => (backend.isIdentity(P) ? 'O' : bytesToHex(backend.encode(P)))
const ascii = (text: string) => new TextEncoder().encode(text)

describe('the map to the curve, without its inversions, is the map of RFC 9380', () => {
  const { Fp } = secp256k1.Point
  // Z·u² = −1 is the exceptional case of the map
  const exceptional = Fp.inv(Fp.sqrt(11n))
  const elements = [0n, 1n, Fp.ORDER - 1n, 2n, exceptional, Fp.ORDER - exceptional]
  elements.push(...Array.from({ length: 60 }, (_, i) => fromBytesBE(seeded(`u ${i}`)(32)) % Fp.ORDER))
  // its types say bigint[] and affine; for a prime field it takes one element and returns a point
  const theirMap = secp256k1_hasher.mapToCurve as unknown as (u: bigint) => InstanceType<typeof secp256k1.Point>
  const expected = elements.map((u) => theirMap(u).toHex(true))

  test('in the portable backend', () => {
    const mapped = elements.map((u) => {
      const { X, Y, Z } = mapToCurve(u)
      return new secp256k1.Point(X, Y, Z).toHex(true)
    })
    expect(mapped).toEqual(expected)
  })

  test('in the native backend, one by one and together', () => {
    const addon = loadAddon()!
    const hex = (P: Uint8Array) => secp256k1.Point.fromBytes(P).toHex(true)
    expect(nativeMap(addon, elements).map(hex)).toEqual(expected)
    expect(elements.flatMap((u) => nativeMap(addon, [u])).map(hex)).toEqual(expected)
  })
})

describe('both backends give the same', () => {
  const all = <T>(act: (backend: Backend) => T): T[] => backends.map(act)
  const expectSame = (results: readonly unknown[]) => {
    for (const result of results) expect(result).toEqual(results[0])
  }

  test('products', () => {
    for (const k of scalars) {
      expectSame(
        all((b) => {
          const P = b.mulBase(9n)
          return [b.mulBase(k), b.mul(P, k), b.fixed(P)(k), b.mulPublic(P, k)].map((R) => hexOf(b, R))
        }),
      )
    }
  })

  test('sums and negatives', () => {
    const some = scalars.slice(0, 14)
    for (const k of some) {
      for (const l of some) expectSame(all((b) => hexOf(b, b.add(b.mulBase(k), b.negate(b.mulBase(l))))))
    }
  })

  test('points hashed to, for 200 messages', () => {
    for (let i = 0; i < 200; i++) {
      expectSame(all((b) => hexOf(b, b.hashToCurve(seeded(i)(i), 'TANDEM-TEST_XMD:SHA-256_SSWU_RO_'))))
    }
  })

  test('random points', () => {
    for (let i = 0; i < 20; i++) expectSame(all((b) => hexOf(b, b.randomPoint(seeded(i)))))
  })

  test('digests', () => {
    for (const n of [0, 1, 55, 56, 64, 111, 128, 1000]) {
      const data = seeded(n)(n)
      expectSame(all((b) => [b.sha256(data), b.sha512(data), b.hmacSha512(data, data)].map(bytesToHex)))
    }
  })

  test('verdicts on Ed25519 keys and signatures that implementations disagree about', () => {
    const verdicts = Object.entries(oddEd25519()).map(([name, { signature, message, publicKey }]) => [
      name,
      ...all((b) => b.ed25519Verify(signature, message, publicKey)),
    ])
    expect(verdicts).toEqual(verdicts.map(([name]) => [name, ...backends.map(() => false)]))
  })
})

/** Small order, mixed order, non-canonical: some verifiers accept each of these. */
function oddEd25519() {
  const { Point } = ed25519
  const L = Point.Fn.ORDER
  const message = ascii('m')
  const le = (x: bigint) => toBytes32(x).reverse()
  const torsion = Point.fromBytes(hexToBytes('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'))
  const challenge = (R: Uint8Array, A: Uint8Array) =>
    fromBytesBE(noble.sha512(Uint8Array.of(...R, ...A, ...message)).reverse()) % L
  const identity = Uint8Array.of(1, ...new Uint8Array(31))

  const key = seeded('ed25519')(32)
  const good = ed25519.sign(message, key)
  const A = ed25519.getPublicKey(key)
  const s = fromBytesBE(good.slice(32).reverse())

  // A key with a component of order 8: cofactored verification accepts what it signs, cofactorless does not.
  const a = 12345n
  const mixed = Point.BASE.multiply(a).add(torsion).toBytes()
  const nonce = [1n, 2n, 3n, 4n].find((r) => challenge(Point.BASE.multiply(r).toBytes(), mixed) % 8n !== 0n)!
  const R = Point.BASE.multiply(nonce).toBytes()
  const mixedS = (nonce + challenge(R, mixed) * a) % L

  const allSmall = [0n, 1n, 2n ** 255n - 20n].map(le)
  allSmall.push(torsion.toBytes(), torsion.negate().toBytes(), torsion.double().toBytes())
  const small = allSmall.flatMap((key, i) => [
    [`small order ${i}`, { signature: Uint8Array.of(...identity, ...le(0n)), message, publicKey: key }],
    [
      `small order ${i}, sign bit`,
      { signature: Uint8Array.of(...identity, ...le(0n)), message, publicKey: key.with(31, key[31]! | 0x80) },
    ],
  ])
  return {
    ...(Object.fromEntries(small) as Record<
      string,
      { signature: Uint8Array; message: Uint8Array; publicKey: Uint8Array }
    >),
    's + L': { signature: Uint8Array.of(...good.slice(0, 32), ...le(s + L)), message, publicKey: A },
    'mixed order': { signature: Uint8Array.of(...R, ...le(mixedS)), message, publicKey: mixed },
    'y = p + 1': { signature: Uint8Array.of(...identity, ...le(0n)), message, publicKey: le(2n ** 255n - 18n) },
    'y = p + 3': { signature: good, message, publicKey: le(2n ** 255n - 16n) },
    'y = 2^255 − 1': { signature: good, message, publicKey: le(2n ** 255n - 1n) },
    'no point': { signature: good, message, publicKey: le(2n) },
  }
}
