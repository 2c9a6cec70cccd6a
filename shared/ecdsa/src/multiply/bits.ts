/**
 * Bit rows and columns: little-endian bytes, least significant bit first, worked on as 32-bit words. The views below take
 * the host to be little-endian, as every JavaScript engine we know is; on another the self-test fails.
 */

/** An aligned copy of `bytes` as words. The length is a multiple of 4. */
export function wordsOf(bytes: Uint8Array): Int32Array {
  const words = new Int32Array(bytes.length >>> 2)
  bytesOf(words).set(bytes)
  return words
}

/** The same memory as bytes. */
export function bytesOf(words: Int32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
}

/** All ones where bit `p` of a row is set, else 0: a secret bit selects by mask, never by branch or address. */
export function maskOf(row: Int32Array, p: number): number {
  return -((row[p >>> 5]! >>> (p & 31)) & 1)
}

/**
 * Transposes a matrix of bits.
 *
 * @param bits `height` rows of `width` words, height a multiple of 32
 * @returns 32·width rows of height/32 words
 */
export function transpose(bits: Int32Array, height: number): Int32Array {
  const width = bits.length / height
  const tall = height >>> 5
  const out = new Int32Array(bits.length)
  const tile = new Int32Array(32)
  for (let r = 0; r < tall; r++) {
    for (let w = 0; w < width; w++) {
      for (let i = 0; i < 32; i++) tile[i] = bits[(32 * r + i) * width + w]!
      transposeTile(tile)
      for (let i = 0; i < 32; i++) out[(32 * w + i) * tall + r] = tile[i]!
    }
  }
  tile.fill(0)
  return out
}

/** 32 words of 32 bits in place: swaps the off-diagonal quarters, at sizes 16, 8, 4, 2, 1. */
function transposeTile(tile: Int32Array): void {
  for (let size = 16, mask = 0x0000ffff; size > 0; size >>>= 1, mask ^= mask << size) {
    for (let i = 0; i < 32; i = (i + size + 1) & ~size) {
      const swap = ((tile[i]! >>> size) ^ tile[i + size]!) & mask
      tile[i + size]! ^= swap
      tile[i]! ^= swap << size
    }
  }
}
