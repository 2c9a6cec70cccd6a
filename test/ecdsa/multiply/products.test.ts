import { bytesOf, wordsOf } from '../../../shared/ecdsa/src/multiply/bits.ts'
import { combinations, dotProducts } from '../../../shared/ecdsa/src/multiply/products.ts'
import { q, residue } from '../../helpers/reference/curve.ts'
import { fromLE, LE, range } from '../../helpers/reference/hash.ts'
import { seeded } from '../../helpers/rng.ts'

const ROWS = 416
const Q_WORDS = new Uint32Array(LE(q, 32).buffer)
/** The size of word that the sums are laid out for. */
const LARGEST = Math.floor(1.32 * 2 ** 32)

const rng = seeded('products')
const words = (n: number) => new Uint32Array(rng(4 * n).buffer)

/** `γ + β·(ã − q)` */
function chosenRow(): number[] {
  const [gamma, aTilde, beta] = [words(24), words(24), rng(1)[0]! & 1]
  return range(24).map((k) => gamma[k]! + beta * (aTilde[k]! - Q_WORDS[k % 8]!))
}

const ROW_KINDS: Record<string, () => number[]> = {
  random: chosenRow,
  'all as large as may be': () => range(24).fill(LARGEST),
  'all as small as may be': () => range(24).fill(-LARGEST),
  'of either sign': () => range(24).map(() => (rng(1)[0]! & 1 ? LARGEST : -LARGEST)),
  zero: () => range(24).fill(0),
}
const rowsOf = (kind: string) => Float64Array.from(range(ROWS).flatMap(ROW_KINDS[kind]!))

function valueAt(rows: Float64Array, at: number): bigint {
  return range(8).reduce((sum, k) => sum + (BigInt(rows[at + k]!) << BigInt(32 * k)), 0n)
}

describe.each(Object.keys(ROW_KINDS))('rows %s', (kind) => {
  const rows = rowsOf(kind)

  test.each([
    ['random', rng(32 * ROWS)],
    ['of ones', new Uint8Array(32 * ROWS).fill(255)],
    ['of zeros', new Uint8Array(32 * ROWS)],
  ])('times a gadget %s add up exactly', (_name, gadget) => {
    const g = range(ROWS).map((j) => fromLE(gadget.subarray(32 * j, 32 * j + 32)))
    const expected = [0, 8].map((column) =>
      residue(
        g.reduce((sum, gj, j) => sum + gj * valueAt(rows, 24 * j + column), 0n),
        q,
      ),
    )
    expect(dotProducts(wordsOf(gadget), rows)).toEqual(expected)
  })

  test.each([
    ['random', residue(fromLE(rng(32)), q), residue(fromLE(rng(32)), q)],
    ['0 and q − 1', 0n, q - 1n],
    ['at the middle', (q - 1n) / 2n, (q + 1n) / 2n],
    ['of 255 bits', 2n ** 255n - 1n, 2n ** 255n],
    ['of halves 2^15', BigInt(`0x${'8000'.repeat(16)}`), BigInt(`0x${'7fff'.repeat(16)}`)],
  ])('combine under thetas %s', (_name, theta0, theta1) => {
    const out = bytesOf(combinations(rows, [theta0, theta1]))
    for (const j of range(ROWS)) {
      const [v0, v1, v2] = [0, 8, 16].map((column) => valueAt(rows, 24 * j + column))
      const expected = residue(v2! + theta0 * v0! + theta1 * v1!, q)
      if (fromLE(out.subarray(32 * j, 32 * j + 32)) !== expected) throw new Error(`row ${j}`)
    }
    expect(out.length).toBe(32 * ROWS)
  })
})
