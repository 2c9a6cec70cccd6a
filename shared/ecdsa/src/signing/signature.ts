import { UsageError } from '@tandem/rounds'
import { concat } from '../math/bytes.ts'
import { q } from '../math/scalar.ts'

/** An ECDSA signature with low s. */
export type Signature = {
  /** r ‖ s, 32 bytes each, big-endian */
  readonly compact: Uint8Array
  /** bit 0: R.y is odd; bit 1: R.x ≥ q */
  readonly recovery: number
}

/** r ‖ s ‖ recovery */
export const SIGNATURE_BYTES = 65

export function encodeSignature({ compact, recovery }: Signature): Uint8Array {
  return concat(compact, Uint8Array.of(recovery))
}

/** Undefined unless 65 bytes that end in 0..3. Whether r and s are in range is the verifier's question. */
export function decodeSignature(bytes: Uint8Array): Signature | undefined {
  const recovery = bytes[64]
  if (bytes.length !== SIGNATURE_BYTES || recovery === undefined || recovery > 3) return undefined
  return { compact: bytes.slice(0, 64), recovery }
}

/**
 * Moves s to the lower half of the scalars, as Ethereum (EIP-2) and Bitcoin policy require.
 *
 * @param s        scalar, 1..q−1
 * @param recovery 0..3
 * @returns min(s, q − s); the parity bit of the recovery id turns over with the sign of s
 *
 * Source: docs/spec/sign.md, 4.1.
 */
export function lowS(s: bigint, recovery: number): { readonly s: bigint; readonly recovery: number } {
  if (s <= q / 2n) return { s, recovery }
  return { s: q - s, recovery: recovery ^ 1 }
}

/** ASN.1 DER of a 64-byte compact signature, 8..72 bytes. @throws {UsageError} for another length */
export function toDer(compact: Uint8Array): Uint8Array {
  if (compact.length !== 64) throw new UsageError('a compact signature is 64 bytes')
  const body = concat(derInteger(compact.subarray(0, 32)), derInteger(compact.subarray(32)))
  return concat(Uint8Array.of(0x30, body.length), body)
}

/** The compact form of a DER signature; undefined for every encoding but the one {@link toDer} makes. */
export function fromDer(der: Uint8Array): Uint8Array | undefined {
  if (der.length < 8 || der.length > 72 || der[0] !== 0x30 || der[1] !== der.length - 2) return undefined
  const rBytes = der[3]!
  const sBytes = der[5 + rBytes]
  if (der[2] !== 0x02 || der[4 + rBytes] !== 0x02 || sBytes === undefined) return undefined
  if (6 + rBytes + sBytes !== der.length) return undefined

  const r = fromDerInteger(der.subarray(4, 4 + rBytes))
  const s = fromDerInteger(der.subarray(6 + rBytes))
  return r && s && concat(r, s)
}

function derInteger(unsigned: Uint8Array): Uint8Array {
  let start = 0
  while (start < 31 && unsigned[start] === 0) start++
  const digits = unsigned.subarray(start)
  const sign = digits[0]! >= 0x80 ? [0] : []
  return concat(Uint8Array.of(0x02, sign.length + digits.length, ...sign), digits)
}

function fromDerInteger(digits: Uint8Array): Uint8Array | undefined {
  if (digits.length === 0 || digits[0]! >= 0x80) return undefined
  if (digits[0] === 0 && digits.length > 1 && digits[1]! < 0x80) return undefined
  const unsigned = digits.length > 1 && digits[0] === 0 ? digits.subarray(1) : digits
  if (unsigned.length > 32) return undefined
  const out = new Uint8Array(32)
  out.set(unsigned, 32 - unsigned.length)
  return out
}
