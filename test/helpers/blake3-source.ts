const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8] as const
const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a] as const
const ROUNDS = 7
/** Words of a block that may be non-zero. */
const INPUT_WORDS = 5
/** CHUNK_START | CHUNK_END | ROOT | KEYED_HASH: the whole input is one block, the output is the root's. */
const FLAGS = 27

const HEADER = `/* Written by test/helpers/blake3-source.ts, which says what it is; edit that. */

/**
 * BLAKE3 compression of a keyed root block whose words 5..15 are zero, all rounds written out.
 *
 * @param key   8 words
 * @param block 5 words of input, its length in bytes, the number of the output block
 * @param out   gets 16 words from word \`at\` on
 */
export function compress(key: Int32Array, block: Int32Array, out: Int32Array, at: number): void {`

/**
 * The source of shared/ecdsa/src/multiply/blake3-compress.generated.ts. State in locals and no loop: three times faster
 * than state in an array. Evaluating code at run time is not an option where a content security policy forbids it.
 */
export function compressSource(): string {
  const lines = [HEADER]
  for (let i = 0; i < INPUT_WORDS; i++) lines.push(`const m${i} = block[${i}]!`)
  for (let i = 0; i < 8; i++) lines.push(`const k${i} = key[${i}]!`)
  for (let i = 0; i < 8; i++) lines.push(`let v${i} = k${i}`)
  for (const [i, word] of IV.entries()) lines.push(`let v${8 + i} = ${word | 0}`)
  lines.push(`let v12 = block[6]!`, `let v13 = 0`, `let v14 = block[5]!`, `let v15 = ${FLAGS}`)
  lines.push(...rounds())
  for (let i = 0; i < 8; i++) lines.push(`out[at + ${i}] = v${i} ^ v${8 + i}`)
  for (let i = 0; i < 8; i++) lines.push(`out[at + ${8 + i}] = v${8 + i} ^ k${i}`)
  return `${lines.join('\n  ')}\n}\n`
}

function rounds(): string[] {
  const lines: string[] = []
  let m: readonly number[] = PERMUTATION.map((_, i) => i)
  for (let r = 0; r < ROUNDS; r++) {
    for (let i = 0; i < 4; i++) lines.push(...mix([i, 4 + i, 8 + i, 12 + i], m[2 * i]!, m[2 * i + 1]!))
    for (let i = 0; i < 4; i++) {
      const diagonal = [i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4)] as const
      lines.push(...mix(diagonal, m[8 + 2 * i]!, m[9 + 2 * i]!))
    }
    m = PERMUTATION.map((i) => m[i]!)
  }
  return lines
}

/** The quarter round G; message words known to be zero are not added. */
function mix([a, b, c, d]: readonly [number, number, number, number], x: number, y: number): string[] {
  const plus = (word: number) => (word < INPUT_WORDS ? ` + m${word}` : '')
  const turn = (to: number, by: number, right: number) =>
    `v${to} = ((v${to} ^ v${by}) >>> ${right}) | ((v${to} ^ v${by}) << ${32 - right})`
  return [
    `v${a} = (v${a} + v${b}${plus(x)}) | 0`,
    turn(d, a, 16),
    `v${c} = (v${c} + v${d}) | 0`,
    turn(b, c, 12),
    `v${a} = (v${a} + v${b}${plus(y)}) | 0`,
    turn(d, a, 8),
    `v${c} = (v${c} + v${d}) | 0`,
    turn(b, c, 7),
  ]
}
