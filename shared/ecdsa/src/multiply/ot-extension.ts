import { equalBytes } from '../math/bytes.ts'
import { type Sha2, TH } from '../math/hash.ts'
import { bytesOf, maskOf, transpose, wordsOf } from './bits.ts'
import { keyed, squeeze } from './blake3.ts'
import { BATCH, selectorMatrix, sumOfRows, sumsOfColumns } from './gf128.ts'
import { type AliceLeaves, type BobLeaves, TREES } from './pprf.ts'
import { DEPTH, LEAVES } from './tree.ts'

/** λ_c: rows of the extension, bits of Δ and of a column. */
const ROWS = TREES * DEPTH
/** L': choice bits and 128 mask bits. */
const ROW_BITS = BATCH + ROWS
const ROW_WORDS = ROW_BITS / 32
const COLUMN_WORDS = ROWS / 32
const BATCH_WORDS = BATCH / 32
const SEED_WORDS = 4
/** τ and y follow the seed as 16 bits each. */
const ROW_INPUT_BYTES = 20
/** A 68-byte row takes two blocks of output, which leave 15 words too many after the last. */
const ROW_BLOCKS = 2
const SPARE_WORDS = 16 * ROW_BLOCKS - ROW_WORDS

/** x': 416 choice bits β and 128 mask bits. */
export const CHOICE_BYTES = ROW_BITS / 8
export const U_BYTES = TREES * CHOICE_BYTES
export const X_TILDE_BYTES = 16
export const H_BYTES = 32

/** What Bob sends: u, 2176 bytes; x̃, 16; h, 32. */
export type Extension = {
  readonly u: Uint8Array
  readonly xTilde: Uint8Array
  readonly h: Uint8Array
}

/**
 * Bob's side. Column p of the result is t_p, the one of `t_p, t_p ⊕ Δ` that β_p chooses for him on Alice's side.
 *
 * @param s1      32 bytes, fresh in every run: repeated, u ⊕ u' would give away β ⊕ β'
 * @param choices x', 68 bytes, least significant bit first
 * @returns the message, and 416 columns of 4 words
 *
 * Source: docs/spec/multiply.md, 1.1, 1.2 and 1.5.
 */
export function extendAsBob(
  sha: Sha2,
  { leaves }: BobLeaves,
  s1: Uint8Array,
  choices: Uint8Array,
): { message: Extension; columns: Int32Array } {
  const x = wordsOf(choices)
  const { rows, totals } = expandTrees(sha, s1, leaves, new Uint8Array(TREES))
  for (let at = 0; at < totals.length; at++) totals[at]! ^= x[at % ROW_WORDS]!

  const u = bytesOf(totals)
  const columns = transpose(rows, ROWS)
  const matrix = challengeOf(sha, s1, u)
  const xTilde = sumOfRows(matrix, x)
  for (let w = 0; w < xTilde.length; w++) xTilde[w]! ^= x[BATCH_WORDS + w]!
  const sums = sumsOfColumns(matrix, columns)
  const message = { u, xTilde: bytesOf(xTilde), h: TH(sha, 'ote/t', s1, bytesOf(sums)) }

  const kept = columns.slice(0, BATCH * COLUMN_WORDS)
  for (const secret of [x, rows, columns, sums]) secret.fill(0)
  return { message, columns: kept }
}

/**
 * Alice's side, with the consistency check. Column p of the result is `q_p = t_p ⊕ β_p·Δ`.
 *
 * @returns 416 columns of 4 words and Δ, 4 words; undefined if the check fails. Whether it does depends on the long-lived Δ:
 *          the caller destroys the pair before anybody learns of it
 *
 * Source: docs/spec/multiply.md, 1.3 to 1.6.
 */
export function extendAsAlice(
  sha: Sha2,
  { leaves, punctured }: AliceLeaves,
  s1: Uint8Array,
  { u, xTilde, h }: Extension,
): { columns: Int32Array; delta: Int32Array } | undefined {
  const delta = deltaOf(punctured)
  const { rows, totals } = expandTrees(sha, s1, leaves, punctured)
  const corrections = wordsOf(u)
  for (let r = 0; r < ROWS; r++) {
    const mask = maskOf(delta, r)
    const tau = Math.floor(r / DEPTH)
    for (let w = 0; w < ROW_WORDS; w++) rows[r * ROW_WORDS + w]! ^= corrections[tau * ROW_WORDS + w]! & mask
  }

  const columns = transpose(rows, ROWS)
  const sums = sumsOfColumns(challengeOf(sha, s1, u), columns)
  const x = wordsOf(xTilde)
  for (let o = 0; o < ROWS; o++) {
    const mask = maskOf(x, o)
    for (let w = 0; w < COLUMN_WORDS; w++) sums[o * COLUMN_WORDS + w]! ^= delta[w]! & mask
  }
  const expected = TH(sha, 'ote/t', s1, bytesOf(sums))

  const kept = columns.slice(0, BATCH * COLUMN_WORDS)
  for (const secret of [rows, totals, columns, sums]) secret.fill(0)
  if (!equalBytes(expected, h)) return undefined // check S5
  return { columns: kept, delta }
}

/**
 * The rows of every tree, added up in the four ways of its bits: row 4τ+b is the sum over the places with bit b, and
 * total τ the sum over all. Alice's hole is place 0 and enters no row; her totals are meaningless.
 *
 * @param origins y at place 0 of each tree
 */
function expandTrees(
  sha: Sha2,
  s1: Uint8Array,
  leaves: Uint8Array,
  origins: Uint8Array,
): { rows: Int32Array; totals: Int32Array } {
  const rows = new Int32Array(ROWS * ROW_WORDS)
  const totals = new Int32Array(TREES * ROW_WORDS)
  const seeds = wordsOf(leaves)
  const tree = new Int32Array(LEAVES * ROW_WORDS + SPARE_WORDS)
  const xof = keyed(TH(sha, 'ote/prg', s1), ROW_INPUT_BYTES)
  for (let tau = 0; tau < TREES; tau++) {
    for (let place = 0; place < LEAVES; place++) {
      const seed = (tau * LEAVES + place) * SEED_WORDS
      for (let w = 0; w < SEED_WORDS; w++) xof.block[w] = seeds[seed + w]!
      xof.block[SEED_WORDS] = tau | ((place ^ origins[tau]!) << 16)
      squeeze(xof, tree, place * ROW_WORDS, ROW_BLOCKS)
    }
    fold(tree, rows.subarray(tau * DEPTH * ROW_WORDS))
    totals.set(tree.subarray(0, ROW_WORDS), tau * ROW_WORDS)
  }
  for (const secret of [seeds, tree, xof.block]) secret.fill(0)
  return { rows, totals }
}

/**
 * Adds up the 16 rows of a tree: halves their number four times, adding neighbours; the odd one of each pair of turn b
 * goes into row b too. Leaves the sum of all in row 0 of `tree`.
 */
function fold(tree: Int32Array, rows: Int32Array): void {
  for (let b = 0; b < DEPTH; b++) {
    const end = (LEAVES * ROW_WORDS) >>> b
    for (let w = 0; w < ROW_WORDS; w++) {
      let sum = 0
      for (let even = w, to = w; even < end; even += 2 * ROW_WORDS, to += ROW_WORDS) {
        const odd = tree[even + ROW_WORDS]!
        sum ^= odd
        tree[to] = tree[even]! ^ odd
      }
      rows[b * ROW_WORDS + w] = sum
    }
  }
}

/** M, drawn after u is fixed. Spec: multiply, 1.4. */
function challengeOf(sha: Sha2, s1: Uint8Array, u: Uint8Array): Int32Array {
  const d = TH(sha, 'ote/chi', s1, u)
  const chi = new Int32Array(16)
  chi.set(wordsOf(TH(sha, 'ote/chi0', d)))
  chi.set(wordsOf(TH(sha, 'ote/chi1', d)), 8)
  return selectorMatrix(chi)
}

/** Δ: bit b of Δ_τ is bit 4τ+b. */
function deltaOf(punctured: Uint8Array): Int32Array {
  const delta = new Int32Array(COLUMN_WORDS)
  for (let tau = 0; tau < TREES; tau++) delta[tau >>> 3]! |= punctured[tau]! << (DEPTH * (tau & 7))
  return delta
}
