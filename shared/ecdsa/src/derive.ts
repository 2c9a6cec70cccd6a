import { UsageError } from '@tandem/rounds'
import type { Backend } from './math/backend.ts'
import { be32, concat } from './math/bytes.ts'
import { fromBytesBE, q } from './math/scalar.ts'

/** A public key with its chain code: what BIP-32 calls an extended public key, without the metadata. */
export type ExtendedKey = {
  /** 33 bytes */
  readonly publicKey: Uint8Array
  /** 32 bytes */
  readonly chainCode: Uint8Array
}

export type ChildKey = ExtendedKey & {
  /** ε with X′ = X + ε·G, in 0..q−1; public, like the chain code it comes from */
  readonly epsilon: bigint
}

/** Deeper paths are refused: no wallet standard uses them, and each level costs a multiplication. */
export const MAX_PATH_LENGTH = 10

const HARDENED = 2 ** 31

/**
 * `BE32(i_1) ‖ … ‖ BE32(i_d)`, empty at the root: how a path enters a hash.
 *
 * @throws {UsageError} for a path longer than {@link MAX_PATH_LENGTH}, or an index that is not an integer in 0..2^31−1
 */
export function encodePath(path: readonly number[]): Uint8Array {
  if (path.length > MAX_PATH_LENGTH) throw new UsageError('path too long') // check S26
  if (!path.every(isUnhardened)) throw new UsageError('path index not in 0..2^31-1') // check S26
  return concat(...path.map(be32))
}

function isUnhardened(index: number): boolean {
  return Number.isInteger(index) && index >= 0 && index < HARDENED
}

/**
 * BIP-32 public derivation. Hardened levels need the private key, which nobody has.
 *
 * @throws {UsageError} as {@link encodePath} does, and for an index that BIP-32 declares invalid: I_L ≥ q, or a child at
 *         infinity
 *
 * Source: docs/spec/sign.md, section 3.
 */
export function derive(backend: Backend, parent: ExtendedKey, path: readonly number[]): ChildKey {
  const indices = encodePath(path)
  let child: ChildKey = { publicKey: parent.publicKey, chainCode: parent.chainCode, epsilon: 0n }
  for (let at = 0; at < indices.length; at += 4) child = childOf(backend, child, indices.subarray(at, at + 4))
  return child
}

function childOf(backend: Backend, { publicKey, chainCode, epsilon }: ChildKey, index: Uint8Array): ChildKey {
  const I = backend.hmacSha512(chainCode, concat(publicKey, index))
  const offset = fromBytesBE(I.subarray(0, 32))
  if (offset >= q) throw new UsageError('path index has no child') // check S26

  const K = backend.add(backend.decode(publicKey), backend.mulBase(offset))
  if (backend.isIdentity(K)) throw new UsageError('path index has no child') // check S26
  return { publicKey: backend.encode(K), chainCode: I.slice(32), epsilon: (epsilon + offset) % q }
}
