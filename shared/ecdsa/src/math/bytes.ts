export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0))
  let at = 0
  for (const p of parts) {
    out.set(p, at)
    at += p.length
  }
  return out
}

/** Compares in a time that depends on the lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let diff = 0
  for (let i = 0; i < a.length; i++) diff |= a[i]! ^ b[i]!
  return diff === 0
}

/** 2 bytes, little-endian. */
export function le16(n: number): Uint8Array {
  return Uint8Array.of(n & 0xff, n >>> 8)
}

/** 4 bytes, little-endian. */
export function le32(n: number): Uint8Array {
  return Uint8Array.of(n & 0xff, (n >>> 8) & 0xff, (n >>> 16) & 0xff, n >>> 24)
}

/** 4 bytes, big-endian. */
export function be32(n: number): Uint8Array {
  return le32(n).reverse()
}

/**
 * Cuts `bytes` into consecutive copies of these lengths. The caller has checked the sum. Not `slice`: of a Node Buffer that
 * would be a view.
 */
export function split<const L extends readonly number[]>(
  bytes: Uint8Array,
  ...lengths: L
): { [K in keyof L]: Uint8Array } {
  let at = 0
  return lengths.map((n) => new Uint8Array(bytes.subarray(at, (at += n)))) as { [K in keyof L]: Uint8Array }
}
