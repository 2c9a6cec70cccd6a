import {
  type KeyId,
  type PartyIndex,
  partyIndex,
  type Rng,
  type RoundHeader,
  type SessionId,
  sessionId,
  UsageError,
} from '@tandem/rounds'
import type { Backend } from './math/backend.ts'
import { le16 } from './math/bytes.ts'
import { TH } from './math/hash.ts'
import type { RunSecrets } from './pairing.ts'

/** What the parties agreed on before they met. */
export type KeygenSetup = {
  /** fresh: a failed run is never repeated under the same id */
  readonly keyId: KeyId
  readonly self: PartyIndex
  /** t; only t = n exists so far: additive shares, no share travels */
  readonly threshold: number
  /** Ed25519 identity of every party in index order, 32 bytes each; n of them */
  readonly identities: readonly Uint8Array[]
}

/** What the host lends. */
export type KeygenDeps = {
  readonly backend: Backend
  readonly rng: Rng
  /** Signs with our Ed25519 identity: 64 bytes. */
  readonly sign: (message: Uint8Array) => Uint8Array
}

export type KeygenSession = KeygenSetup &
  KeygenDeps & {
    readonly sid: SessionId
    /** 1..n */
    readonly parties: readonly PartyIndex[]
    /** all but us */
    readonly peers: readonly PartyIndex[]
    readonly secrets: RunSecrets
  }

/** @throws {UsageError} if the setup is not one every honest party could have */
export function openSession(setup: KeygenSetup, deps: KeygenDeps): KeygenSession {
  const { keyId, self, threshold, identities } = setup
  const n = identities.length
  const distinct = new Set(identities.map((id) => id.join())).size === n
  if (n < 2) throw new UsageError('a key has at least two parties')
  if (threshold !== n) throw new UsageError('only additive shares exist: threshold must equal the number of parties')
  if (identities.some((id) => id.length !== 32)) throw new UsageError('an identity is 32 bytes')
  if (!distinct) throw new UsageError('two parties have one identity') // check K2
  if (self > n) throw new UsageError('our index is not one of the parties') // check K2
  const parties = identities.map((_, i) => partyIndex(i + 1))
  const sid = sessionId(TH(deps.backend, 'kg/sid', keyId, le16(n), le16(threshold), ...identities))
  const peers = parties.filter((j) => j !== self)
  return { ...setup, ...deps, sid, parties, peers, secrets: { ephemeral: [], lasting: [] } }
}

/** Round 1 travels under sid, the others under ssid, so that different views of round 1 surface in the header. */
export function keygenHeader(round: number, sid: SessionId): RoundHeader {
  return { protocol: 'keygen', round, sid, epoch: 0 }
}

/** Our own signature, checked like everybody's: an identity that is not ours would strand the others. */
export function acknowledge(session: KeygenSession, conf: Uint8Array): Uint8Array {
  const ack = session.sign(ackMessage(session.backend, conf, session.self))
  if (!acknowledges(session, session.self, conf, ack))
    throw new UsageError('the signer is not the identity of the setup')
  return ack
}

export function acknowledges(session: KeygenSession, j: PartyIndex, conf: Uint8Array, ack: Uint8Array): boolean {
  const identity = session.identities[j - 1]!
  return session.backend.ed25519Verify(ack, ackMessage(session.backend, conf, j), identity)
}

/** TH("kg/ack", conf, LE16 j): what party j signs once it has stored its share. */
export function ackMessage(backend: Backend, conf: Uint8Array, j: PartyIndex): Uint8Array {
  return TH(backend, 'kg/ack', conf, le16(j))
}
