import type { Rng } from '@tandem/rounds'
import type { Backend } from '../math/backend.ts'
import { concat, le16, split } from '../math/bytes.ts'
import { H2S } from '../math/hash.ts'
import { decodePoint, POINT_BYTES } from '../math/points.ts'
import { decodeScalar, mod, randomScalar, toBytes32 } from '../math/scalar.ts'

/** T ‖ z */
export const DLOG_PROOF_BYTES = POINT_BYTES + 32

/** "I, party `prover` of run `ssid`, know a with A = a·G." The run and the index keep it from being replayed. */
export type DlogStatement = {
  readonly ssid: Uint8Array
  readonly prover: number
  /** A, 33 bytes */
  readonly A: Uint8Array
  /** A_1, …, 33 bytes each, where A = A_0 is the constant of a polynomial: bound to the proof, not proven */
  readonly higher: readonly Uint8Array[]
}

/** Schnorr's proof, T = k·G, z = k + e·a, with the challenge from a hash. Source: docs/spec/keygen.md, round 2. */
export function proveDlog(backend: Backend, statement: DlogStatement, a: bigint, rng: Rng): Uint8Array {
  const k = randomScalar(rng)
  const T = backend.encode(backend.mulBase(k))
  const z = mod(k + challenge(backend, statement, T) * a)
  return concat(T, toBytes32(z))
}

/** z·G = T + e·A; false for anything malformed. */
export function verifyDlog(backend: Backend, statement: DlogStatement, proof: Uint8Array): boolean {
  if (proof.length !== DLOG_PROOF_BYTES) return false
  const [t, zBytes] = split(proof, POINT_BYTES, 32)
  const A = decodePoint(backend, statement.A)
  const T = decodePoint(backend, t)
  const z = decodeScalar(zBytes)
  if (A === undefined || T === undefined || z === undefined) return false
  const e = challenge(backend, statement, t)
  return backend.equal(backend.mulBase(z), backend.add(T, backend.mulPublic(A, e)))
}

function challenge(backend: Backend, { ssid, prover, A, higher }: DlogStatement, T: Uint8Array): bigint {
  return H2S(backend, 'kg/pok', ssid, le16(prover), A, ...higher, T)
}
