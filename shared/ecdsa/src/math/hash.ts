import { encodeFields, type Label } from '@tandem/rounds'
import type { Backend } from './backend.ts'
import { fromBytesBE, q } from './scalar.ts'

/** The digests of the backend, all that hashing needs of it. */
export type Sha2 = Pick<Backend, 'sha256' | 'sha512'>

/** TH: 32 bytes. Source: docs/spec/hashing.md. */
export function TH(sha: Sha2, label: Label, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha.sha256(encodeFields(label, ...parts))
}

/** H2S: a scalar, from the first 48 bytes of SHA-512 so that the bias is below 2^−128. Source: docs/spec/hashing.md. */
export function H2S(sha: Sha2, label: Label, ...parts: readonly Uint8Array[]): bigint {
  return fromBytesBE(sha.sha512(encodeFields(label, ...parts)).subarray(0, 48)) % q
}
