import {
  exchange,
  journal,
  type PartyIndex,
  type Protocol,
  ProtocolAbort,
  type SessionId,
  sessionId,
  toEach,
} from '@tandem/rounds'
import { concat, equalBytes } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { expandPairing, finishPairing, offerPairing, type PairingRun, replyPairing } from './pairing.ts'
import { hideSecrets, type KeygenResult, type KeyShare } from '../share.ts'
import { encodeStage, type Stage } from '../share-codec.ts'
import {
  type Body,
  type ByParty,
  inOrder,
  mapEach,
  ROUND1,
  ROUND3,
  ROUND4,
  type Round1,
  type Round2,
  round2,
  withOwn,
} from './staging-messages.ts'
import { acknowledge, acknowledges, STAGING_LABELS, type StagingSession, stagingHeader } from './staging-session.ts'

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
 * Yields one `store` entry named `stage` before the acknowledgement leaves: its bytes are {@link encodeStage} of share
 * and pairs.
 *
 * @throws {ProtocolAbort} the run is over and its secrets are overwritten
 */
export function* stageInRounds(session: StagingSession, commit: () => Commitment): Protocol<KeygenResult> {
  const { ephemeral, lasting } = session.secrets
  let result: KeygenResult | undefined
  try {
    result = yield* confirm(session, yield* generate(session, commit()))
    return result
  } finally {
    for (const secret of result ? ephemeral : [...ephemeral, ...lasting]) secret.fill(0)
  }
}

/** Rounds 1 to 3. */
function* generate(session: StagingSession, mine: Commitment): Protocol<Stage> {
  const { backend, rng, self, peers, secrets, openingBytes } = session

  const offers = new Map(peers.map((j) => [j, offerPairing(backend, rng, secrets)]))
  const first = yield* talk(session, [1, session.sid], ROUND1, (j) => concat(mine.nonce, mine.com, offers.get(j)!.abot))
  const ssid = ssidOf(session, withOwn(first, self, mine))

  const replies = yield* withEach(peers, (j) => replyPairing(pairing(session, ssid, j), first.get(j)!.abot, rng))
  const opening = mine.open(ssid)
  const second = yield* talk(session, [2, ssid], round2(openingBytes), (j) =>
    concat(opening.bytesFor(j), offers.get(j)!.zeroHalf, replies.get(j)!.reply),
  )
  const share = opening.settle(first, second)

  const expansions = yield* withEach(peers, (j) =>
    expandPairing(pairing(session, ssid, j), offers.get(j)!, second.get(j)!.reply),
  )
  const third = yield* talk(session, [3, ssid], ROUND3, (j) => concat(share.conf, expansions.get(j)!.pprf))
  const agreed = peers.every((j) => equalBytes(third.get(j)!.conf, share.conf))
  if (!agreed) throw new ProtocolAbort('ECHO_MISMATCH', 3) // check K9 K15
  const pairs = peers.map((j) => {
    const ours = { offer: offers.get(j)!, reply: replies.get(j)!, expansion: expansions.get(j)! }
    return finishPairing(pairing(session, ssid, j), ours, { ...second.get(j)!, ...third.get(j)! })
  })
  return { share, pairs }
}

/** Everything is verified: store, acknowledge, and collect everybody's acknowledgement. */
function* confirm(session: StagingSession, stage: Stage): Protocol<KeygenResult> {
  const { backend, self, peers } = session
  const { conf, ssid } = stage.share
  const ack = acknowledge(session, conf)
  yield* journal({ entry: 'store', name: 'stage', bytes: encodeStage(backend, stage) })

  const acks = yield* talk(session, [4, ssid], ROUND4, () => ack)
  const unsigned = peers.filter((j) => !acknowledges(session, j, conf, acks.get(j)!))
  if (unsigned.length > 0) throw new ProtocolAbort('BAD_PROOF', 4, unsigned) // check K10
  return hideSecrets({ ...stage, certificate: inOrder(withOwn(acks, self, ack), (one) => one) })
}

/** 1.1 */
function ssidOf({ backend, protocol, sid }: StagingSession, round1: ByParty<Pick<Round1, 'nonce' | 'com'>>): SessionId {
  const views = inOrder(round1, ({ nonce, com }) => [nonce, com]).flat()
  return sessionId(TH(backend, STAGING_LABELS[protocol].ssid, sid, ...views))
}

function pairing({ backend, epoch, self, secrets }: StagingSession, ssid: SessionId, peer: PartyIndex): PairingRun {
  return { backend, ssid, epoch, self, peer, secrets }
}

/** One round: a body to every peer, and what every peer said. */
function* talk<T>(
  session: StagingSession,
  [round, sid]: readonly [number, SessionId],
  body: Body<T>,
  bodyFor: (peer: PartyIndex) => Uint8Array,
): Protocol<ByParty<T>> {
  const { self, peers } = session
  const send = new Map(peers.map((j) => [j, bodyFor(j)]))
  const inbox = yield* exchange(stagingHeader(session, round, sid), self, send, toEach(peers, body.bytes))
  return mapEach(inbox, body.parse)
}

function* withEach<T>(peers: readonly PartyIndex[], act: (peer: PartyIndex) => Protocol<T>): Protocol<ByParty<T>> {
  const results = new Map<PartyIndex, T>()
  for (const j of peers) results.set(j, yield* act(j))
  return results
}
