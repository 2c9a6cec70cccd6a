import { createCipheriv } from 'node:crypto'
import { bytesOf, wordsOf } from '../../../shared/ecdsa/src/multiply/bits.ts'
import { BATCH, selectorMatrix, sumOfRows, sumsOfColumns } from '../../../shared/ecdsa/src/multiply/gf128.ts'
import { bitOf } from '../../helpers/multiply.ts'
import { fromLE, LE, range } from '../../helpers/reference/hash.ts'
import { gfMultiply } from '../../helpers/reference/ot-extension.ts'
import { seeded } from '../../helpers/rng.ts'

const rowBytes = (matrix: Int32Array, p: number) => bytesOf(matrix).subarray(16 * p, 16 * p + 16)

test('squaring an element 128 times gives it back', () => {
  const x = fromLE(seeded('frobenius')(16))
  expect(range(128).reduce((power) => gfMultiply(power, power), x)).toBe(x)
})

test('the field is that of GHASH with the bits of each byte reversed', () => {
  const rng = seeded('ghash')
  const [key, data] = [rng(16), rng(16)]
  const aes = (block: Uint8Array) => createCipheriv('aes-128-ecb', key, null).update(block)
  const reversed = (bytes: Uint8Array) =>
    bytes.map((byte) => range(8).reduce((out, i) => out | (((byte >> i) & 1) << (7 - i)), 0))
  const h = fromLE(reversed(aes(new Uint8Array(16))))
  const lengths = Buffer.from('0000000000000080'.padEnd(32, '0'), 'hex')

  const hash = gfMultiply(gfMultiply(fromLE(reversed(data)), h) ^ fromLE(reversed(lengths)), h)
  const gcm = createCipheriv('aes-128-gcm', key, new Uint8Array(12)).setAAD(data)
  gcm.final()
  const pad = aes(Buffer.from('1'.padStart(32, '0'), 'hex'))
  expect(reversed(LE(hash, 16)).map((byte, i) => byte ^ pad[i]!)).toEqual(Uint8Array.from(gcm.getAuthTag()))
})

test('row p of the selector matrix is x^(p mod 128) times its challenge', () => {
  const chi = seeded('matrix')(64)
  const matrix = selectorMatrix(wordsOf(chi))

  expect(matrix.length).toBe(BATCH * 4)
  for (const p of range(BATCH)) {
    const block = p >>> 7
    const power = 1n << BigInt(p % 128)
    expect(fromLE(rowBytes(matrix, p))).toBe(gfMultiply(power, fromLE(chi.subarray(16 * block, 16 * block + 16))))
  }
})

test('adds up the chosen rows', () => {
  const rng = seeded('rows')
  const matrix = selectorMatrix(wordsOf(rng(64)))
  for (const choices of [rng(52), new Uint8Array(52), new Uint8Array(52).fill(255)]) {
    const chosen = range(BATCH).filter((p) => bitOf(choices, p) === 1)
    const expected = chosen.reduce((sum, p) => sum ^ fromLE(rowBytes(matrix, p)), 0n)
    expect(fromLE(bytesOf(sumOfRows(matrix, wordsOf(choices))))).toBe(expected)
  }
})

test('adds up the selected columns and the mask column', () => {
  const rng = seeded('columns')
  const matrix = selectorMatrix(wordsOf(rng(64)))
  const columns = rng(544 * 16)
  const column = (p: number) => fromLE(columns.subarray(16 * p, 16 * p + 16))
  const sums = bytesOf(sumsOfColumns(matrix, wordsOf(columns)))

  for (const o of range(128)) {
    const selected = range(BATCH).filter((p) => bitOf(rowBytes(matrix, p), o) === 1)
    const expected = selected.reduce((sum, p) => sum ^ column(p), column(BATCH + o))
    expect(fromLE(sums.subarray(16 * o, 16 * o + 16))).toBe(expected)
  }
})
