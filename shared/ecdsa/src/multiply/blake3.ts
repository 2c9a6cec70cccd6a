import { wordsOf } from './bits.ts'
import { compress } from './blake3-compress.generated.ts'

/** One BLAKE3 key with one short input, asked for output again and again. */
export type Xof = {
  /** the key, 8 words */
  readonly key: Int32Array
  /** 5 words of input, its length in bytes, the number of the output block */
  readonly block: Int32Array
}

/**
 * BLAKE3 in keyed mode with extendable output, for inputs of at most 20 bytes: one compression per 64 bytes of output.
 * The caller writes each input to words 0..4 of `block`, zeros after its end.
 *
 * @param key        32 bytes
 * @param inputBytes length of every input, 0..20
 *
 * Source: docs/spec/hashing.md, BX.
 */
export function keyed(key: Uint8Array, inputBytes: number): Xof {
  const block = new Int32Array(7)
  block[5] = inputBytes
  return { key: wordsOf(key), block }
}

/**
 * Writes `blocks` · 16 words of output to `out` from word `at` on. Outputs that are shorter may be packed, written in
 * ascending order: each overwrites what the one before it wrote too much.
 */
export function squeeze({ key, block }: Xof, out: Int32Array, at: number, blocks: number): void {
  for (let i = 0; i < blocks; i++) {
    block[6] = i
    compress(key, block, out, at + 16 * i)
  }
}
