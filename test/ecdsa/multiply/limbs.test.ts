import { bytesOf } from '../../../shared/ecdsa/src/multiply/bits.ts'
import {
  allCanonical,
  canonical,
  differences,
  scalarOfWords,
  wordsOfScalar,
} from '../../../shared/ecdsa/src/multiply/limbs.ts'
import { q, residue } from '../../helpers/reference/curve.ts'
import { fromLE, LE, range } from '../../helpers/reference/hash.ts'
import { seeded } from '../../helpers/rng.ts'

const rng = seeded('limbs')
const random256 = () => fromLE(rng(32))
const nearTo = (x: bigint) => range(513).map((i) => x + BigInt(i - 256))

function reduce(v: Float64Array): bigint {
  const out = new Int32Array(8)
  canonical(v, 0, out, 0)
  return fromLE(bytesOf(out))
}

/** The same number with words pushed up to 2^52 out of range, and the multiple of 2^256 in the last. */
function spread(x: bigint): Float64Array {
  const out = new Float64Array(8)
  let rest = x
  for (const k of range(7)) {
    const far = BigInt.asIntN(52, fromLE(rng(7)))
    const word = (far - (far & 0xffffffffn)) | BigInt.asUintN(32, rest)
    out[k] = Number(word)
    rest = (rest - word) >> 32n
  }
  out[7] = Number(rest)
  return out
}

test('words of a scalar and back', () => {
  for (const x of [0n, 1n, q - 1n, 2n ** 256n - 1n, random256()]) expect(scalarOfWords(wordsOfScalar(x))).toBe(x)
})

test('reduces every number within 2^8 of 0, q and 2^256 and of their multiples', () => {
  const centres = [0n, q, 2n ** 256n, 2n * q, -q, -(2n ** 256n), 3n * q, 7n * 2n ** 256n, q << 4n, -(q << 16n)]
  for (const x of centres.flatMap(nearTo)) expect(reduce(spread(x))).toBe(residue(x, q))
})

test('reduces random numbers of any size it takes', () => {
  for (const bits of [8, 128, 255, 256, 257, 260, 272]) {
    for (const sign of [1n, -1n]) {
      const x = sign * BigInt.asUintN(bits, fromLE(rng(40)))
      expect(reduce(spread(x))).toBe(residue(x, q))
    }
  }
})

test('takes differences of unreduced pads, extremes included', () => {
  const pads = [0n, 1n, q - 1n, q, q + 1n, 2n ** 256n - 1n, random256()]
  const inputs = [0n, 1n, q - 1n]
  const a = Float64Array.from(inputs.flatMap((x) => [...wordsOfScalar(x)]))
  for (const x of pads) {
    for (const y of pads) {
      const row = (pad: bigint) => inputs.flatMap(() => [...wordsOfScalar(pad)])
      const out = new Int32Array(24)
      differences(Float64Array.from(row(x)), Uint32Array.from(row(y)), a, out)
      const results = range(3).map((i) => fromLE(bytesOf(out).subarray(32 * i, 32 * i + 32)))
      expect(results).toEqual(inputs.map((input) => residue(x - y + input, q)))
    }
  }
})

test('S9 tells canonical scalars from others at the boundary, at every place', () => {
  const scalars = (...values: bigint[]) =>
    new Uint32Array(Uint8Array.from(values.flatMap((x) => [...LE(x, 32)])).buffer)
  expect(allCanonical(scalars(0n, 1n, q - 1n, q - 2n ** 32n, q - 2n ** 224n))).toBe(true)
  for (const bad of [q, q + 1n, q + 2n ** 64n, 2n ** 256n - 1n]) {
    for (const at of range(3)) expect(allCanonical(scalars(...range(3).map((i) => (i === at ? bad : 5n))))).toBe(false)
  }
})
