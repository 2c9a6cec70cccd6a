import { type AffinePoint, inverse, plus, q, residue, times } from './curve.ts'

/** Shamir, Feldman and Lagrange from the textbook: slow, and written without a look at what it checks. */

/** f(x) for the coefficients of f, lowest first. */
export function valueAt(coefficients: readonly bigint[], x: number): bigint {
  return coefficients.reduce((sum, a, k) => residue(sum + a * BigInt(x) ** BigInt(k), q), 0n)
}

/** ℓ_i(x) over these indices: 1 at i, 0 at the others. */
export function basisAt(i: number, indices: readonly number[], x: number): bigint {
  let value = 1n
  for (const j of indices) {
    if (j !== i) value = residue(value * BigInt(x - j) * inverse(BigInt(i - j), q), q)
  }
  return value
}

/** f(x) from as many values as f has coefficients. */
export function interpolated(values: ReadonlyMap<number, bigint>, x: number): bigint {
  const indices = [...values.keys()]
  return indices.reduce((sum, i) => residue(sum + basisAt(i, indices, x) * values.get(i)!, q), 0n)
}

/** f(x)·G from the points of the coefficients. */
export function imageAt(points: readonly AffinePoint[], x: number): AffinePoint {
  return points.reduce((sum, A, k) => plus(sum, times(BigInt(x) ** BigInt(k), A)), undefined)
}

/** Every subset of `size`, in order. */
export function subsets<T>(of: readonly T[], size: number): T[][] {
  if (size === 0) return [[]]
  return of.flatMap((first, at) => subsets(of.slice(at + 1), size - 1).map((rest) => [first, ...rest]))
}
