import { UsageError, type Rng } from '@tandem/rounds'

/** Order of secp256k1. */
export const q = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

/** x mod q, in 0..q−1 for negative x too. */
export function mod(x: bigint): bigint {
  const r = x % q
  return r < 0n ? r + q : r
}

/** x⁻¹ mod q by Fermat: the sequence of operations does not depend on x. @throws {UsageError} for 0 */
export function invert(x: bigint): bigint {
  if (mod(x) === 0n) throw new UsageError('zero has no inverse')
  let result = 1n
  let base = mod(x)
  for (let e = q - 2n; e > 0n; e >>= 1n) {
    if (e & 1n) result = (result * base) % q
    base = (base * base) % q
  }
  return result
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/** Big-endian integer, any length up to 64 bytes. */
export function fromBytesBE(bytes: Uint8Array): bigint {
  let hex = ''
  for (const b of bytes) hex += HEX[b]
  return hex === '' ? 0n : BigInt(`0x${hex}`)
}

/** 32 bytes, big-endian. @throws {UsageError} unless 0 ≤ x < 2^256 */
export function toBytes32(x: bigint): Uint8Array {
  if (x < 0n || x >> 256n !== 0n) throw new UsageError('scalar out of range')
  const out = new Uint8Array(32)
  const view = new DataView(out.buffer)
  for (let i = 0; i < 4; i++) view.setBigUint64(24 - 8 * i, BigInt.asUintN(64, x >> BigInt(64 * i)))
  return out
}

/** A canonical scalar of the wire: exactly 32 bytes big-endian, below q; undefined otherwise. Zero is allowed. */
export function decodeScalar(bytes: Uint8Array): bigint | undefined {
  if (bytes.length !== 32) return undefined
  const x = fromBytesBE(bytes)
  return x < q ? x : undefined
}

/** Uniform in 1..q−1, by rejection on 32 big-endian bytes. */
export function randomScalar(rng: Rng): bigint {
  for (;;) {
    const x = fromBytesBE(rng(32))
    if (x > 0n && x < q) return x
  }
}
