import type { PartyIndex } from '@tandem/rounds'
import type { Backend, Point } from './math/backend.ts'
import { interpolatePoints, interpolationWeight } from './math/polynomial.ts'
import { sumPoints } from './math/points.ts'
import type { KeyShare } from './share.ts'

/** How a key is shared: t of n. Additive where they are equal, Shamir otherwise. Source: docs/spec/keygen.md, section A. */
export type Sharing = Pick<KeyShare, 'threshold' | 'parties'>

export function isAdditive({ threshold, parties }: Sharing): boolean {
  return threshold === parties
}

/** 2 ≤ t ≤ n. One party alone never signs. */
export function isSharing({ threshold, parties }: Sharing): boolean {
  return Number.isInteger(threshold) && threshold >= 2 && threshold <= parties
}

/** Coefficients a dealer commits to: of a polynomial of degree t−1, or the constant alone. */
export function coefficientsOf(sharing: Sharing): number {
  return isAdditive(sharing) ? 1 : sharing.threshold
}

/** w_i(S): what party i's share counts when exactly S signs, or deals. Additive shares count as they are. */
export function weightOf(sharing: Sharing, i: PartyIndex, signers: readonly PartyIndex[]): bigint {
  return isAdditive(sharing) ? 1n : interpolationWeight(i, signers, 0)
}

/**
 * Whether these are the points of shares of X: they add up to it, or lie on one polynomial of degree t−1 with X at 0, so
 * that every t of them make the same key.
 */
export function areSharesOf(backend: Backend, threshold: number, X: Point, shares: readonly Point[]): boolean {
  const sharing = { threshold, parties: shares.length }
  if (!isSharing(sharing)) return false
  if (isAdditive(sharing)) return backend.equal(sumPoints(backend, shares), X)
  const first = new Map(shares.slice(0, threshold).map((P, at) => [at + 1, P]))
  const rest = shares.slice(threshold).map((P, at) => [threshold + 1 + at, P] as const)
  return [[0, X] as const, ...rest].every(([x, P]) => backend.equal(interpolatePoints(backend, first, x), P))
}
