import { type PartyIndex, type Protocol, type SessionId, sessionId } from '@tandem/rounds'
import { concat } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { offerPairing, replyPairing } from './pairing.ts'
import type { KeygenResult, KeyShare } from '../share.ts'
import type { Stage } from '../share-codec.ts'
import { certify, confirm, erasing, pairing, talk, withEach } from './staging-finish.ts'
import { type ByParty, inOrder, ROUND1, type Round1, type Round2, round2, withOwn } from './staging-messages.ts'
import { STAGING_LABELS, type StagingSession } from './staging-session.ts'

// The four rounds of key generation and of refresh: commit, open, confirm, acknowledge; every pair is set up along them.
// Source: docs/spec/keygen.md, docs/spec/refresh.md.

/** What one protocol brings to the rounds: a commitment, and how it goes on once everybody has committed. */
export type Commitment = {
  readonly nonce: Uint8Array
  readonly com: Uint8Array
  readonly open: (ssid: SessionId) => Opening
}

/** What opens our commitment, and what all openings together make. */
export type Opening = {
  readonly bytesFor: (peer: PartyIndex) => Uint8Array
  /** @throws {ProtocolAbort} if a peer's opening does not hold, or the openings make no share */
  readonly settle: (round1: ByParty<Commitments>, round2: ByParty<Openings>) => KeyShare
}

type Commitments = Pick<Round1, 'com'>
type Openings = Pick<Round2, 'opening'>

/**
 * Yields one `store` entry named `stage` before the acknowledgement leaves: its bytes are `encodeStage` of share and
 * pairs.
 *
 * @throws {ProtocolAbort} the run is over and its secrets are overwritten
 */
export function stageInRounds(session: StagingSession, commit: () => Commitment): Protocol<KeygenResult> {
  return erasing(session.secrets, allRounds(session, commit))
}

function* allRounds(session: StagingSession, commit: () => Commitment): Protocol<KeygenResult> {
  return yield* certify(session, yield* generate(session, commit()))
}

/** Rounds 1 to 3. */
function* generate(session: StagingSession, mine: Commitment): Protocol<Stage> {
  const { backend, rng, self, peers, secrets, openingBytes } = session

  const offers = new Map(peers.map((j) => [j, offerPairing(backend, rng, secrets)]))
  const first = yield* talk(
    session,
    [1, session.sid],
    () => ROUND1,
    (j) => concat(mine.nonce, mine.com, offers.get(j)!.abot),
  )
  const ssid = ssidOf(session, withOwn(first, self, mine))

  const replies = yield* withEach(peers, (j) => replyPairing(pairing(session, ssid, j), first.get(j)!.abot, rng))
  const opening = mine.open(ssid)
  const second = yield* talk(
    session,
    [2, ssid],
    (j) => round2(openingBytes(j)),
    (j) => concat(opening.bytesFor(j), offers.get(j)!.zeroHalf, replies.get(j)!.reply),
  )
  return yield* confirm(session, opening.settle(first, second), { offers, replies, second })
}

/** 1.1 */
function ssidOf({ backend, protocol, sid }: StagingSession, round1: ByParty<Pick<Round1, 'nonce' | 'com'>>): SessionId {
  const views = inOrder(round1, ({ nonce, com }) => [nonce, com]).flat()
  return sessionId(TH(backend, STAGING_LABELS[protocol].ssid, sid, ...views))
}
