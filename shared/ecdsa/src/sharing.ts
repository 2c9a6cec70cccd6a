import type { PartyIndex } from '@tandem/rounds'
import type { Backend, Point } from './math/backend.ts'
import { le16 } from './math/bytes.ts'
import { interpolatePoints, interpolationWeight } from './math/polynomial.ts'
import { sumPoints } from './math/points.ts'
import type { KeyShare } from './share.ts'

/**
 * How a key is shared: t of n. Additive where they are equal, Shamir otherwise; with a device, Shamir among the nodes and
 * the device's share added to that. Source: docs/spec/keygen.md, sections A and D.
 */
export type Sharing = Pick<KeyShare, 'threshold' | 'parties' | 'withDevice'>

/** Ends every hash over a sharing that has a device. */
const DEVICE_MODE = Uint8Array.of(1)

export function isAdditive({ threshold, parties }: Sharing): boolean {
  return threshold === parties
}

/** 2 ≤ t ≤ n, of the nodes where there is a device. One party alone never signs, and no node alone with the device. */
export function isSharing(sharing: Sharing): boolean {
  const { threshold, parties } = committeeOf(sharing)
  return Number.isInteger(threshold) && threshold >= 2 && threshold <= parties
}

/** The device, always the last party; null for a key that has none. */
export function deviceOf({ parties, withDevice }: Sharing): PartyIndex | null {
  return withDevice === true ? (parties as PartyIndex) : null
}

/** t of n among the nodes alone: everybody but the device. */
export function committeeOf({ threshold, parties, withDevice }: Sharing): Sharing {
  const devices = withDevice === true ? 1 : 0
  return { threshold: threshold - devices, parties: parties - devices }
}

/** The mark of a key with a device, absent otherwise. */
export function modeOf({ withDevice }: Pick<Sharing, 'withDevice'>): Pick<Sharing, 'withDevice'> {
  return withDevice === true ? { withDevice } : {}
}

/** LE16 n ‖ LE16 t, of the nodes where there is a device: how every hash names the size of a committee. */
export function sizeBytes(sharing: Sharing): readonly [Uint8Array, Uint8Array] {
  const { threshold, parties } = committeeOf(sharing)
  return [le16(parties), le16(threshold)]
}

/** What a hash over a sharing ends with: nothing without a device. */
export function modeBytes({ withDevice }: Pick<Sharing, 'withDevice'>): readonly Uint8Array[] {
  return withDevice === true ? [DEVICE_MODE] : []
}

/** Whether party i's share is what it drew itself, and counts as it is: every additive one, and the device's. */
export function isSummand(sharing: Sharing, i: PartyIndex): boolean {
  return isAdditive(sharing) || i === deviceOf(sharing)
}

/** Coefficients a dealer commits to: of a polynomial of degree t−1, or the constant alone. */
export function coefficientsOf(sharing: Sharing, dealer: PartyIndex): number {
  return isSummand(sharing, dealer) ? 1 : committeeOf(sharing).threshold
}

/** w_i(S): what party i's share counts when exactly S signs, or deals. Summands count as they are. */
export function weightOf(sharing: Sharing, i: PartyIndex, signers: readonly PartyIndex[]): bigint {
  const nodes = signers.filter((j) => j !== deviceOf(sharing))
  return isSummand(sharing, i) ? 1n : interpolationWeight(i, nodes, 0)
}

/** Whether these parties together could sign; so at least one of them is honest, or the key is lost anyway. */
export function isQualified(sharing: Sharing, parties: Iterable<PartyIndex>): boolean {
  const distinct = new Set(parties)
  const device = deviceOf(sharing)
  return distinct.size >= sharing.threshold && (device === null || distinct.has(device))
}

/**
 * Whether these are the points of shares of X: they add up to it, or lie on one polynomial of degree t−1 with X at 0, so
 * that every t of them make the same key. With a device the nodes' points do so for X less the device's.
 */
export function areSharesOf(
  backend: Backend,
  { threshold, withDevice }: Pick<Sharing, 'threshold' | 'withDevice'>,
  X: Point,
  shares: readonly Point[],
): boolean {
  const sharing = { threshold, parties: shares.length, ...(withDevice === true && { withDevice }) }
  if (!isSharing(sharing)) return false
  if (isAdditive(sharing)) return backend.equal(sumPoints(backend, shares), X)
  if (withDevice !== true) return areOnOneCurve(backend, threshold, X, shares)
  const rest = backend.add(X, backend.negate(shares.at(-1)!))
  return areOnOneCurve(backend, threshold - 1, rest, shares.slice(0, -1))
}

function areOnOneCurve(backend: Backend, threshold: number, constant: Point, shares: readonly Point[]): boolean {
  const first = new Map(shares.slice(0, threshold).map((P, at) => [at + 1, P]))
  const rest = shares.slice(threshold).map((P, at) => [threshold + 1 + at, P] as const)
  const expected = [[0, constant] as const, ...rest]
  return expected.every(([x, P]) => backend.equal(interpolatePoints(backend, first, x), P))
}
