import { type PartyIndex, partyIndex, sessionId, UsageError } from '@tandem/rounds'
import { le32 } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { POINT_BYTES } from '../math/points.ts'
import type { KeyShare } from '../share.ts'
import { committeeOf, deviceOf, isAdditive, isSharing, type Sharing } from '../sharing.ts'
import type { StagingDeps, StagingSession } from '../staging/staging-session.ts'

/** What the parties agreed on before they met. */
export type RefreshSetup = {
  /** our share of the epoch that is to be replaced; a restored one names the new identities */
  readonly share: KeyShare
  /** 32 fresh bytes of the party that opened the run, never used before */
  readonly stageId: Uint8Array
}

export type RefreshSession = StagingSession & Pick<RefreshSetup, 'share'>

const LAST_EPOCH = 0xffff_ffff

/** @throws {UsageError} if the setup is not one every honest party could have */
export function openRefresh({ share, stageId }: RefreshSetup, deps: StagingDeps): RefreshSession {
  const { self, parties, identities, publicKey, publicShares, chainCode } = share
  if (!isSharing(share)) throw new UsageError('a threshold is at least two and at most n')
  if (stageId.length !== 32) throw new UsageError('a stage id is 32 bytes')
  if (share.epoch >= LAST_EPOCH) throw new UsageError('the key is out of epochs')
  const epoch = share.epoch + 1
  const everyone = Array.from({ length: parties }, (_, i): PartyIndex => partyIndex(i + 1))
  const view = [share.ssid, le32(epoch), stageId, publicKey, ...publicShares, chainCode]
  return {
    ...deps,
    protocol: 'refresh',
    sid: sessionId(TH(deps.backend, 'rf/sid', ...view)),
    epoch,
    self,
    share,
    identities,
    peers: everyone.filter((j) => j !== self),
    openingBytes: (from) => publishedBytes(share, from) + (deals(share, from) ? 32 : 0),
    secrets: { ephemeral: [], lasting: [] },
  }
}

/** Whether a party deals: all do, but for a device beside nodes that deal polynomials. */
export function deals(sharing: Sharing, party: PartyIndex): boolean {
  return isAdditive(sharing) || party !== deviceOf(sharing)
}

/** What a dealer publishes: a D for every other party, or the coefficients of a polynomial. Its constant only for a device. */
export function publishedBytes(sharing: Sharing, from: PartyIndex): number {
  if (!deals(sharing, from)) return 0
  if (isAdditive(sharing)) return POINT_BYTES * (sharing.parties - 1)
  const { threshold } = committeeOf(sharing)
  return POINT_BYTES * (deviceOf(sharing) === null ? threshold - 1 : threshold)
}
