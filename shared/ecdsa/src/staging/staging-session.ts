import { type Label, type PartyIndex, type Rng, type RoundHeader, type SessionId, UsageError } from '@tandem/rounds'
import type { Backend } from '../math/backend.ts'
import { le16 } from '../math/bytes.ts'
import { type Sha2, TH } from '../math/hash.ts'
import type { RunSecrets } from './pairing.ts'

/** The protocols that end in a stage: shares and pairs that are durable and not yet in force. */
export type StagingProtocol = 'keygen' | 'refresh' | 'reshare'

/** What the host lends. */
export type StagingDeps = {
  readonly backend: Backend
  readonly rng: Rng
  /** Signs with our Ed25519 identity: 64 bytes. */
  readonly sign: (message: Uint8Array) => Uint8Array
}

/** One run, as one party sees it. */
export type StagingSession = StagingDeps & {
  readonly protocol: StagingProtocol
  readonly sid: SessionId
  /** of the shares the run makes */
  readonly epoch: number
  readonly self: PartyIndex
  /** all but us, ascending */
  readonly peers: readonly PartyIndex[]
  /** Ed25519 identity of every party in index order, 32 bytes each */
  readonly identities: readonly Uint8Array[]
  /** what opens that peer's commitment and what it deals us, in bytes */
  readonly openingBytes: (from: PartyIndex) => number
  readonly secrets: RunSecrets
}

export const STAGING_LABELS = {
  keygen: { ssid: 'kg/ssid', ack: 'kg/ack' },
  refresh: { ssid: 'rf/ssid', ack: 'rf/ack' },
  reshare: { ssid: 'rs/ssid', ack: 'rs/ack' },
} as const satisfies Record<StagingProtocol, Record<'ssid' | 'ack', Label>>

/** Round 1 travels under sid, the others under ssid, so that different views of round 1 surface in the header. */
export function stagingHeader({ protocol, epoch }: StagingSession, round: number, sid: SessionId): RoundHeader {
  return { protocol, round, sid, epoch }
}

/** Our own signature, checked like everybody's: an identity that is not ours would strand the others. */
export function acknowledge(session: StagingSession, conf: Uint8Array): Uint8Array {
  const { backend, protocol, self } = session
  const ack = session.sign(ackMessage(backend, protocol, conf, self))
  if (!acknowledges(session, self, conf, ack)) throw new UsageError('the signer is not the identity of the setup')
  return ack
}

export function acknowledges(session: StagingSession, j: PartyIndex, conf: Uint8Array, ack: Uint8Array): boolean {
  const { backend, protocol, identities } = session
  return backend.ed25519Verify(ack, ackMessage(backend, protocol, conf, j), identities[j - 1]!)
}

/** TH("kg/ack", conf, LE16 j), or "rf/ack", "rs/ack": what party j signs once it has stored its share. */
export function ackMessage(sha: Sha2, protocol: StagingProtocol, conf: Uint8Array, j: PartyIndex): Uint8Array {
  return TH(sha, STAGING_LABELS[protocol].ack, conf, le16(j))
}
