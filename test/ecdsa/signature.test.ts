import { UsageError } from '@tandem/rounds'
import * as fc from 'fast-check'
import { q, toBytes32 } from '../../shared/ecdsa/src/math/scalar.ts'
import {
  decodeSignature,
  encodeSignature,
  fromDer,
  lowS,
  SIGNATURE_BYTES,
  toDer,
} from '../../shared/ecdsa/src/signing/signature.ts'

const scalar = fc.oneof(
  fc.bigInt({ min: 1n, max: q - 1n }),
  fc.integer({ min: 1, max: 256 }).map((n) => BigInt(n)),
  fc.constantFrom(1n, 127n, 128n, 255n, 256n, q / 2n, q / 2n + 1n, q - 1n),
)
const compact = fc.tuple(scalar, scalar).map(([r, s]) => Uint8Array.from([...toBytes32(r), ...toBytes32(s)]))

test('S18 lowers s and turns the parity of the recovery id with it', () => {
  expect(lowS(1n, 2)).toEqual({ s: 1n, recovery: 2 })
  expect(lowS((q - 1n) / 2n, 1)).toEqual({ s: (q - 1n) / 2n, recovery: 1 })
  expect(lowS((q + 1n) / 2n, 1)).toEqual({ s: (q - 1n) / 2n, recovery: 0 })
  expect(lowS(q - 1n, 2)).toEqual({ s: 1n, recovery: 3 })
})

test('compact signatures survive 65 bytes', () => {
  fc.assert(
    fc.property(compact, fc.integer({ min: 0, max: 3 }), (bytes, recovery) => {
      const encoded = encodeSignature({ compact: bytes, recovery })
      expect(encoded).toHaveLength(SIGNATURE_BYTES)
      expect(decodeSignature(encoded)).toEqual({ compact: bytes, recovery })
    }),
  )
})

test('a signature of another length or with recovery id 4 is not decoded', () => {
  const bytes = new Uint8Array(65)
  expect(decodeSignature(bytes.with(64, 4))).toBeUndefined()
  expect(decodeSignature(bytes.slice(1))).toBeUndefined()
  expect(decodeSignature(new Uint8Array(66))).toBeUndefined()
})

test('DER and back gives the same signature', () => {
  fc.assert(fc.property(compact, (bytes) => expect(fromDer(toDer(bytes))).toEqual(bytes)))
})

test('DER is what OpenSSL and Bitcoin expect', () => {
  const bytes = Uint8Array.from([...toBytes32(1n), ...toBytes32(128n)])
  expect(Buffer.from(toDer(bytes)).toString('hex')).toBe('300702010102020080')
  expect(() => toDer(bytes.slice(1))).toThrow(UsageError)
})

test('one signature has one DER encoding: every other string is refused', () => {
  const accepted = (der: readonly number[]) => fromDer(Uint8Array.from(der)) !== undefined
  expect(accepted([0x30, 6, 2, 1, 1, 2, 1, 1])).toBe(true)
  expect(accepted([0x31, 6, 2, 1, 1, 2, 1, 1])).toBe(false)
  expect(accepted([0x30, 7, 2, 1, 1, 2, 1, 1])).toBe(false)
  expect(accepted([0x30, 6, 3, 1, 1, 2, 1, 1])).toBe(false)
  expect(accepted([0x30, 6, 2, 1, 1, 3, 1, 1])).toBe(false)
  expect(accepted([0x30, 6, 2, 1, 1, 2, 2, 1])).toBe(false)
  expect(accepted([0x30, 7, 2, 1, 1, 2, 1, 1, 0])).toBe(false)
  expect(accepted([0x30, 7, 2, 2, 0, 1, 2, 1, 1])).toBe(false)
  expect(accepted([0x30, 6, 2, 1, 0x81, 2, 1, 1])).toBe(false)
  expect(accepted([0x30, 6, 2, 0, 2, 2, 1, 1])).toBe(false)
  expect(accepted([0x30, 7, 2, 200, 1, 2, 1, 1, 1])).toBe(false)
  expect(accepted([0x30, 39, 2, 34, 0, 128, ...new Array<number>(32).fill(1), 2, 1, 1])).toBe(false)
})

test('whatever decodes as DER encodes to the same bytes', () => {
  const damaged = fc.tuple(compact, fc.nat(71), fc.integer({ min: 1, max: 255 })).map(([bytes, at, mask]) => {
    const der = toDer(bytes)
    return der.with(at % der.length, der[at % der.length]! ^ mask)
  })
  fc.assert(
    fc.property(damaged, (der) => {
      const decoded = fromDer(der)
      if (decoded) expect(toDer(decoded)).toEqual(der)
    }),
    { numRuns: 1000 },
  )
})
