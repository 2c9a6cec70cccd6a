import { createHash, timingSafeEqual } from 'node:crypto'
import { encodeFields, type Label } from '@tandem/rounds'

/** TH: 32 bytes. Source: docs/spec/hashing.md 3.2. */
export function taggedHash(label: Label, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha256(encodeFields(label, ...parts))
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}

/** Node's SHA-2, for the encodings and statements of the protocol package. */
export const sha2 = {
  sha256,
  sha512: (bytes: Uint8Array) => new Uint8Array(createHash('sha512').update(bytes).digest()),
}

/** 2 bytes, little-endian. */
export function le16(n: number): Uint8Array {
  return Uint8Array.of(n & 0xff, n >>> 8)
}

/** 4 bytes, little-endian. */
export function le32(n: number): Uint8Array {
  return Uint8Array.of(n & 0xff, (n >>> 8) & 0xff, (n >>> 16) & 0xff, n >>> 24)
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
