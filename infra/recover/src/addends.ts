import { type Backend, fromBytesBE, hideSecrets, type KeyShare, q, toBytes32, weightOf } from '@tandem/ecdsa'
import { partyIndex } from '@tandem/rounds'

/**
 * The same key, held additively by these parties and nobody else: w_i·s_i each, numbered anew from 1. So those whose backups are
 * here run a protocol without the others, and nobody's lost share is computed.
 *
 * @param shares of a set of parties that can sign, of one key and epoch, ascending
 * @returns in the same order; the caller overwrites their secrets
 *
 * Source: docs/spec/keygen.md, A and D.
 */
export function addendsOf(backend: Backend, shares: readonly KeyShare[]): KeyShare[] {
  const parties = shares.map(({ self }) => self)
  const weighted = shares.map((share) => ({ share, weight: weightOf(share, share.self, parties) }))
  const publicShares = weighted.map(({ share: { self, publicShares: all }, weight }) =>
    backend.encode(backend.mulPublic(backend.decode(all[self - 1] ?? new Uint8Array()), weight)),
  )
  const sharing = { threshold: parties.length, parties: parties.length, withDevice: false, publicShares }
  return weighted.map(({ share, weight }, at) =>
    hideSecrets({
      ...share,
      ...sharing,
      self: partyIndex(at + 1),
      secret: toBytes32((weight * fromBytesBE(share.secret)) % q),
    }),
  )
}
