import { blake3 } from '@noble/hashes/blake3.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { q, residue } from './curve.ts'

/** Hashing as protocol.md section 2 says it, written without the code it checks. */

const SUITE = 'MPCW-DKLS23-SECP256K1-V1'

function enc(label: string, parts: readonly Uint8Array[]): Uint8Array {
  const name = Buffer.from(`${SUITE}/${label}`, 'ascii')
  const fields = parts.flatMap((part) => [LE(part.length, 4), part])
  return Buffer.concat([LE(name.length, 4), name, LE(parts.length, 4), ...fields])
}

export function TH(label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha256(enc(label, parts))
}

export function H2S(label: string, ...parts: readonly Uint8Array[]): bigint {
  return residue(BE(sha512(enc(label, parts)).subarray(0, 48)), q)
}

export function BX(key: Uint8Array, input: Uint8Array, length: number): Uint8Array {
  return blake3(input, { key, dkLen: length })
}

/** A little-endian encoding of `bytes` bytes. */
export function LE(x: number | bigint, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => Number((BigInt(x) >> BigInt(8 * i)) & 0xffn))
}

/** The little-endian number; for bit rows, bit p is coefficient p. */
export function fromLE(bytes: Uint8Array): bigint {
  return BE(Uint8Array.from(bytes).reverse())
}

export function BE(bytes: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(bytes).toString('hex')}`)
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts))
}

export function bit(x: bigint, p: number): bigint {
  return (x >> BigInt(p)) & 1n
}

export function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i)
}
