import { invert } from '@noble/curves/abstract/modular.js'
import type { Backend, Point } from './backend.ts'
import { fromBytesBE, mod, q, toBytes32 } from './scalar.ts'

// Shamir's sharing, and Feldman's way to check it. f(0) is what is shared, f(i) is party i's part, A_k = a_k·G.
// Source: docs/spec/keygen.md, section A.

/** Coefficients a_0, a_1, …, 32 bytes each, big-endian: secret but for their points. */
export type Polynomial = readonly Uint8Array[]

/** f(x), 32 bytes. Zero where the polynomial says so, which for random coefficients is never. */
export function evaluate(f: Polynomial, x: number): Uint8Array {
  return toBytes32(f.reduceRight((sum, a) => mod(sum * BigInt(x) + fromBytesBE(a)), 0n))
}

/** f(x)·G = Σ x^k·A_k, from public points. */
export function evaluatePoints(backend: Backend, points: readonly Point[], x: number): Point {
  return points.reduceRight((sum, A) => backend.add(backend.mulPublic(sum, BigInt(x)), A), backend.identity)
}

/**
 * What f(i) counts for f(x) when f has degree below |S|: `Π (j − x)/(j − i)` over the j of S but i. At x = 0 it is w_i(S),
 * what a share counts for the key. Indices are public, so the inverse may be variable-time.
 */
export function interpolationWeight(i: number, indices: readonly number[], x: number): bigint {
  const others = indices.filter((j) => j !== i)
  const [above, below] = [x, i].map((from) => others.reduce((product, j) => mod(product * BigInt(j - from)), 1n))
  return mod(above! * invert(below!, q))
}

/** f(x)·G from the f(i)·G of as many i as f has coefficients. */
export function interpolatePoints(backend: Backend, points: ReadonlyMap<number, Point>, x: number): Point {
  const indices = [...points.keys()]
  const terms = [...points].map(([i, P]) => backend.mulPublic(P, interpolationWeight(i, indices, x)))
  return terms.reduce((sum, P) => backend.add(sum, P), backend.identity)
}
