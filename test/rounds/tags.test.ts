import { bytesToHex } from '@noble/hashes/utils.js'
import { ascii, encodeFields, type Label, LABELS, SUITE, UsageError } from '@tandem/rounds'
import * as fc from 'fast-check'

const label = fc.constantFrom(...LABELS)
const fields = fc.array(fc.uint8Array({ maxLength: 6 }), { maxLength: 4 })

test('no label is used twice', () => {
  expect(new Set(LABELS).size).toBe(LABELS.length)
})

test('every label is short ASCII, so that its encoding is what the spec prints', () => {
  for (const name of LABELS) expect(name).toMatch(/^[a-z0-9/-]{1,16}$/)
})

test('two different inputs never have one encoding', () => {
  const key = (parts: readonly Uint8Array[]) => JSON.stringify(parts.map((part) => [...part]))
  fc.assert(
    fc.property(label, fields, label, fields, (l1, f1, l2, f2) => {
      const equal = bytesToHex(encodeFields(l1, ...f1)) === bytesToHex(encodeFields(l2, ...f2))
      expect(equal).toBe(l1 === l2 && key(f1) === key(f2))
    }),
  )
})

test('moving a byte from one field to the next changes the encoding', () => {
  const [a, bc, ab, c] = ['a', 'bc', 'ab', 'c'].map(ascii) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  expect(encodeFields('kg/sid', a, bc)).not.toEqual(encodeFields('kg/sid', ab, c))
  expect(encodeFields('kg/sid', a)).not.toEqual(encodeFields('kg/sid', a, new Uint8Array(0)))
})

test('the encoding is lengths and counts, little-endian, before what they count', () => {
  const name = `${SUITE}/kat`
  const expected = [name.length, 0, 0, 0, ...ascii(name), 2, 0, 0, 0, 1, 0, 0, 0, 0x01, 2, 0, 0, 0, 0x02, 0x03]
  expect([...encodeFields('kat', Uint8Array.of(1), Uint8Array.of(2, 3))]).toEqual(expected)
})

test('a label outside the registry is refused', () => {
  expect(() => encodeFields('kg/other' as Label)).toThrow(UsageError)
})
