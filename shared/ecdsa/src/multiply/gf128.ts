import { maskOf, transpose } from './bits.ts'

/**
 * GF(2^128) modulo x^128 + x^7 + x^2 + x + 1, bit p of a row being the coefficient of x^p: what the consistency check of
 * the OT extension needs of it. The challenge is public; the columns and choice bits it is applied to are not.
 */

/** ξ, the OTs of one batch: rows of the selector matrix. */
export const BATCH = 416
/** Words of an element, and of a column. */
const ELEMENT = 4
/** Words of a row of BATCH bits. */
const BATCH_WORDS = BATCH / 32
/** Columns that share a table of the sums of their subsets. */
const GROUP = 4
const GROUPS = BATCH / GROUP
const TABLE = (1 << GROUP) * ELEMENT
/** x^7 + x^2 + x + 1 */
const REDUCTION = 0x87

/**
 * The selector matrix M: row p is `x^(p mod 128)·χ_⌊p/128⌋`.
 *
 * @param chi χ_0..χ_3, 16 words
 * @returns 416 rows of 4 words
 *
 * Source: docs/spec/multiply.md, 1.4.
 */
export function selectorMatrix(chi: Int32Array): Int32Array {
  const rows = new Int32Array(BATCH * ELEMENT)
  for (let p = 0; p < BATCH; p++) {
    const at = p * ELEMENT
    if (p % 128 === 0) rows.set(chi.subarray(p >>> 5, (p >>> 5) + ELEMENT), at)
    else timesX(rows, at - ELEMENT, at)
  }
  return rows
}

/** The element at word `to` becomes x times the one at `from`. */
function timesX(rows: Int32Array, from: number, to: number): void {
  let carry = (rows[from + 3]! >> 31) & REDUCTION
  for (let w = 0; w < ELEMENT; w++) {
    const word = rows[from + w]!
    rows[to + w] = (word << 1) ^ carry
    carry = word >>> 31
  }
}

/** Σ of the rows of M where the secret choice bit is set, 4 words. */
export function sumOfRows(matrix: Int32Array, choices: Int32Array): Int32Array {
  const sum = new Int32Array(ELEMENT)
  for (let p = 0; p < BATCH; p++) {
    const mask = maskOf(choices, p)
    for (let w = 0; w < ELEMENT; w++) sum[w]! ^= matrix[p * ELEMENT + w]! & mask
  }
  return sum
}

/**
 * For o = 0..127, the sum of the columns p whose selector M_p has bit o, plus column 416 + o.
 *
 * The method of Four Russians: the 16 sums of each four columns are tabled, then the public selectors pick. Secret
 * columns are only ever added, so no address depends on them.
 *
 * @param columns 544 columns of 4 words
 * @returns 128 columns of 4 words
 *
 * Source: docs/spec/multiply.md, 1.5.
 */
export function sumsOfColumns(matrix: Int32Array, columns: Int32Array): Int32Array {
  const selectors = transpose(matrix, BATCH)
  const tables = subsetSums(columns)
  const out = columns.slice(BATCH * ELEMENT)
  for (let o = 0; o < 128; o++) {
    let s0 = 0
    let s1 = 0
    let s2 = 0
    let s3 = 0
    for (let w = 0, table = 0; w < BATCH_WORDS; w++) {
      let selector = selectors[o * BATCH_WORDS + w]!
      for (let n = 0; n < 8; n++, table += TABLE, selector >>>= GROUP) {
        const at = table + (selector & 15) * ELEMENT
        s0 ^= tables[at]!
        s1 ^= tables[at + 1]!
        s2 ^= tables[at + 2]!
        s3 ^= tables[at + 3]!
      }
    }
    out[o * ELEMENT]! ^= s0
    out[o * ELEMENT + 1]! ^= s1
    out[o * ELEMENT + 2]! ^= s2
    out[o * ELEMENT + 3]! ^= s3
  }
  tables.fill(0)
  return out
}

/** Of each four columns the sums of all 16 subsets. */
function subsetSums(columns: Int32Array): Int32Array {
  const tables = new Int32Array(GROUPS * TABLE)
  for (let g = 0; g < GROUPS; g++) {
    for (let w = 0; w < ELEMENT; w++) {
      for (let c = 0; c < GROUP; c++) {
        const word = columns[(g * GROUP + c) * ELEMENT + w]!
        const half = (1 << c) * ELEMENT
        for (let at = g * TABLE + w; at < g * TABLE + half; at += ELEMENT) tables[at + half] = tables[at]! ^ word
      }
    }
  }
  return tables
}
