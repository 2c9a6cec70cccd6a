import { type PartyIndex, UsageError } from '@tandem/rounds'
import type { Backend } from '../math/backend.ts'
import { fromBytesBE, mod, toBytes32 } from '../math/scalar.ts'
import { hideSecrets, type KeyShare } from '../share.ts'
import { shareHolds } from '../share-codec.ts'
import { isQualified, weightOf } from '../sharing.ts'

// What is left to do when a party is lost for good. Source: docs/spec/backup.md, section 2.

/** The whole key in one place: the end of its life as a shared key. */
export type RecoveredKey = {
  /** x, 32 bytes big-endian; the caller overwrites it */
  readonly secret: Uint8Array
  /** X, 33 bytes */
  readonly publicKey: Uint8Array
  /** BIP-32 chain code, 32 bytes: child keys follow from both */
  readonly chainCode: Uint8Array
}

/**
 * Another party's share, as it was: our own record of the epoch and the secret from that party's backup.
 *
 * @throws {UsageError} unless the secret belongs to that party's public share of this epoch
 */
export function shareOfPeer(backend: Backend, ours: KeyShare, party: PartyIndex, secret: Uint8Array): KeyShare {
  const theirs = hideSecrets({ ...ours, self: party, secret })
  if (!shareHolds(backend, theirs)) throw new UsageError('the secret is not the share of this party and epoch') // check L6
  return theirs
}

/**
 * x, from the shares of a set of parties that could sign: any t of n, or more; the device of a key that has one among them.
 *
 * @throws {UsageError} unless they are shares of one key and one epoch, one of each of enough parties
 */
export function combineShares(backend: Backend, shares: readonly KeyShare[]): RecoveredKey {
  const [first] = shares
  if (first === undefined) throw new UsageError('no shares to combine')
  if (!shares.every((share) => shareHolds(backend, share))) throw new UsageError('a share does not hold') // check L6
  const { publicKey, chainCode } = first
  const indices = shares.map(({ self }) => self)
  const x = mod(
    shares.reduce((sum, { self, secret }) => sum + weightOf(first, self, indices) * fromBytesBE(secret), 0n),
  )
  const complete = isQualified(first, indices) && new Set(indices).size === indices.length
  const whole = complete && backend.equal(backend.mulBase(x), backend.decode(publicKey))
  if (!whole) throw new UsageError('the shares do not make the key') // check L6
  return hideSecrets({ secret: toBytes32(x), publicKey, chainCode })
}
