import { ProtocolAbort, type SessionId } from '@tandem/rounds'
import type { Point } from '../math/backend.ts'
import { TH } from '../math/hash.ts'
import { fromBytesBE, mod, toBytes32 } from '../math/scalar.ts'
import type { RefreshSession } from './refresh-session.ts'
import { hideSecrets, type KeyShare } from '../share.ts'
import { shareHolds } from '../share-codec.ts'
import { modeOf } from '../sharing.ts'

/** What all openings of a refresh come to, however they were dealt. */
export type Moves = {
  /** what is added to our share; secret */
  readonly balance: bigint
  /** X_1′..X_n′ */
  readonly points: readonly Point[]
  /** all that was published, in index order, 33 bytes each */
  readonly published: readonly Uint8Array[]
}

/**
 * Our share of the next epoch.
 *
 * @throws {ProtocolAbort} `UNATTRIBUTED` if the openings make no shares of the same key, or not ours
 *
 * Source: docs/spec/refresh.md 2.2.
 */
export function successorOf(session: RefreshSession, rsid: SessionId, { balance, points, published }: Moves): KeyShare {
  const { backend, share, self, epoch, secrets } = session
  const { publicKey, chainCode, threshold } = share
  const secret = toBytes32(mod(fromBytesBE(share.secret) + balance))
  secrets.lasting.push(secret)

  if (points.some((P) => backend.isIdentity(P))) throw new ProtocolAbort('UNATTRIBUTED', 2) // check L2
  const publicShares = points.map((P) => backend.encode(P))
  const sound = shareHolds(backend, { self, threshold, secret, publicKey, publicShares, ...modeOf(share) })
  if (!sound) throw new ProtocolAbort('UNATTRIBUTED', 2) // check L2
  const conf = TH(backend, 'rf/conf', rsid, ...published, publicKey, ...publicShares, chainCode)
  return hideSecrets({ ...share, epoch, ssid: rsid, secret, publicShares, conf })
}
