import { bytesOf, maskOf, transpose, wordsOf } from '../../../shared/ecdsa/src/multiply/bits.ts'
import { bitOf } from '../../helpers/multiply.ts'
import { seeded } from '../../helpers/rng.ts'

test.each([
  [32, 1],
  [128, 17],
  [416, 4],
  [544, 4],
])('transposes %i rows of %i words', (height, width) => {
  const rows = wordsOf(seeded(`transpose ${height}`)(4 * height * width))
  const columns = transpose(rows, height)

  const [before, after] = [bytesOf(rows), bytesOf(columns)]
  for (let r = 0; r < height; r++) {
    for (let p = 0; p < 32 * width; p++) {
      if (bitOf(before, 32 * width * r + p) !== bitOf(after, height * p + r)) throw new Error(`bit ${r}, ${p}`)
    }
  }
  expect(transpose(columns, 32 * width)).toEqual(rows)
})

test('a mask is all ones exactly where the bit is set', () => {
  const row = wordsOf(Uint8Array.of(0b1000_0001, 0, 0, 0x80, 1, 0, 0, 0))
  const set = Array.from({ length: 64 }, (_, p) => p).filter((p) => maskOf(row, p) === -1)

  expect(set).toEqual([0, 7, 31, 32])
  expect(maskOf(row, 1) === 0).toBe(true)
})

test('words are a copy, whatever lies around the bytes in memory', () => {
  const pool = Buffer.from('00112233445566778899', 'hex')
  const words = wordsOf(pool.subarray(1, 9))
  pool.fill(0)

  expect(Buffer.from(bytesOf(words)).toString('hex')).toBe('1122334455667788')
})
