import { UsageError } from '@tandem/rounds'
import * as fc from 'fast-check'
import { be32, equalBytes, le16, le32, split } from '../../shared/ecdsa/src/math/bytes.ts'
import {
  decodeScalar,
  fromBytesBE,
  invert,
  mod,
  q,
  randomScalar,
  toBytes32,
} from '../../shared/ecdsa/src/math/scalar.ts'
import { seeded } from '../helpers/rng.ts'

const scalar = fc.bigInt(1n, q - 1n)

test('a scalar of the wire has exactly 32 bytes and is below q', () => {
  expect(decodeScalar(toBytes32(0n))).toBe(0n)
  expect(decodeScalar(toBytes32(q - 1n))).toBe(q - 1n)
  for (const bytes of [
    toBytes32(q),
    toBytes32(q + 1n),
    new Uint8Array(32).fill(0xff),
    new Uint8Array(31),
    new Uint8Array(33),
  ])
    expect(decodeScalar(bytes)).toBeUndefined()
})

test('bytes and integers are one to one', () => {
  fc.assert(fc.property(fc.bigInt(0n, 2n ** 256n - 1n), (x) => fromBytesBE(toBytes32(x)) === x))
  expect(fromBytesBE(new Uint8Array(0))).toBe(0n)
  for (const x of [-1n, 2n ** 256n]) expect(() => toBytes32(x)).toThrow(UsageError)
})

test('x·x⁻¹ = 1, and zero has no inverse', () => {
  fc.assert(
    fc.property(scalar, (x) => mod(x * invert(x)) === 1n),
    { numRuns: 20 },
  )
  expect(() => invert(0n)).toThrow(UsageError)
  expect(() => invert(q)).toThrow(UsageError)
})

test('mod brings negative numbers into 0..q−1', () => {
  expect([mod(-1n), mod(q), mod(-q), mod(2n * q + 5n)]).toEqual([q - 1n, 0n, 0n, 5n])
})

test('a random scalar is drawn again when it is 0 or not below q, never reduced (#26)', () => {
  const draws = [toBytes32(0n), toBytes32(q), new Uint8Array(32).fill(0xff), toBytes32(q - 1n)]
  expect(randomScalar(() => draws.shift()!)).toBe(q - 1n)
  expect(draws).toEqual([])
})

test('the top bits of random scalars are even (#26)', () => {
  const counts = new Array<number>(16).fill(0)
  const rng = seeded('chi-square')
  for (let i = 0; i < 3200; i++) counts[Number(randomScalar(rng) >> 252n)]!++
  const chiSquare = counts.reduce((sum, count) => sum + (count - 200) ** 2 / 200, 0)
  expect(chiSquare).toBeLessThan(37.7)
})

test('numbers have one little- or big-endian form', () => {
  expect([...le16(0x0201), ...le32(0x04030201), ...be32(0x01020304)]).toEqual([1, 2, 1, 2, 3, 4, 1, 2, 3, 4])
  expect([...le32(0xffffffff), ...be32(0xffffffff)]).toEqual(Array(8).fill(255))
})

test('bytes are equal only at equal length', () => {
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true)
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false)
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0))).toBe(false)
  expect(equalBytes(new Uint8Array(0), new Uint8Array(0))).toBe(true)
})

test('what split gives is a copy', () => {
  const whole = Uint8Array.of(1, 2, 3)
  const [first, rest] = split(whole, 1, 2)
  whole.fill(0)
  expect([[...first], [...rest]]).toEqual([[1], [2, 3]])
})
