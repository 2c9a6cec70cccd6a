import { exchange, journal, type PartyIndex, type Protocol, ProtocolAbort, type SessionId } from '@tandem/rounds'
import { concat, equalBytes } from '../math/bytes.ts'
import {
  expandPairing,
  finishPairing,
  type PairingOffer,
  type PairingReply,
  type PairingRun,
  type RunSecrets,
} from './pairing.ts'
import { hideSecrets, type KeygenResult, type KeyShare } from '../share.ts'
import { encodeStage, type Stage } from '../share-codec.ts'
import { type Body, type ByParty, inOrder, mapEach, ROUND3, ROUND4, type Round2, withOwn } from './staging-messages.ts'
import { acknowledge, acknowledges, type StagingSession, stagingHeader } from './staging-session.ts'

// Rounds 3 and 4, the same however the shares came to be: confirm, finish the pairs, store, acknowledge.
// Source: docs/spec/keygen.md, rounds 3 and 4.

/** Pairs half made: what we offered and replied in rounds 1 and 2, and what the peers said in round 2. */
export type HalfPairs = {
  readonly offers: ByParty<PairingOffer>
  readonly replies: ByParty<PairingReply>
  readonly second: ByParty<Pick<Round2, 'zeroHalf' | 'reply'>>
}

/** Round 3. @throws {ProtocolAbort} `ECHO_MISMATCH`, `BAD_BASE_OT`, `BAD_PPRF` */
export function* confirm(
  session: StagingSession,
  share: KeyShare,
  { offers, replies, second }: HalfPairs,
): Protocol<Stage> {
  const { peers } = session
  const { ssid, conf } = share
  const expansions = yield* withEach(peers, (j) =>
    expandPairing(pairing(session, ssid, j), offers.get(j)!, second.get(j)!.reply),
  )
  const third = yield* talk(
    session,
    [3, ssid],
    () => ROUND3,
    (j) => concat(conf, expansions.get(j)!.pprf),
  )
  const agreed = peers.every((j) => equalBytes(third.get(j)!.conf, conf))
  if (!agreed) throw new ProtocolAbort('ECHO_MISMATCH', 3) // check K9 K15
  const pairs = peers.map((j) => {
    const ours = { offer: offers.get(j)!, reply: replies.get(j)!, expansion: expansions.get(j)! }
    return finishPairing(pairing(session, ssid, j), ours, { ...second.get(j)!, ...third.get(j)! })
  })
  return { share, pairs }
}

/** Round 4, everything verified: store, acknowledge, and collect everybody's acknowledgement. */
export function* certify(session: StagingSession, stage: Stage): Protocol<KeygenResult> {
  const { backend, self, peers } = session
  const { conf, ssid } = stage.share
  const ack = acknowledge(session, conf)
  yield* journal({ entry: 'store', name: 'stage', bytes: encodeStage(backend, stage) })

  const acks = yield* talk(
    session,
    [4, ssid],
    () => ROUND4,
    () => ack,
  )
  const unsigned = peers.filter((j) => !acknowledges(session, j, conf, acks.get(j)!))
  if (unsigned.length > 0) throw new ProtocolAbort('BAD_PROOF', 4, unsigned) // check K10
  return hideSecrets({ ...stage, certificate: inOrder(withOwn(acks, self, ack), (one) => one) })
}

/** Runs to the end, and overwrites the secrets of the run however it ends; those to keep only if there is no result. */
export function* erasing<T>({ ephemeral, lasting }: RunSecrets, run: Protocol<T>): Protocol<T> {
  let finished = false
  try {
    const result = yield* run
    finished = true
    return result
  } finally {
    for (const secret of finished ? ephemeral : [...ephemeral, ...lasting]) secret.fill(0)
  }
}

export function pairing(session: StagingSession, ssid: SessionId, peer: PartyIndex): PairingRun {
  const { backend, epoch, self, secrets } = session
  return { backend, ssid, epoch, self, peer, secrets }
}

/** One round: a body to every peer, and what every peer said. */
export function* talk<T>(
  session: StagingSession,
  [round, sid]: readonly [number, SessionId],
  bodyFrom: (peer: PartyIndex) => Body<T>,
  bodyFor: (peer: PartyIndex) => Uint8Array,
): Protocol<ByParty<T>> {
  const { self, peers } = session
  const send = new Map(peers.map((j) => [j, bodyFor(j)]))
  const expect = new Map(peers.map((j) => [j, bodyFrom(j).bytes]))
  const inbox = yield* exchange(stagingHeader(session, round, sid), self, send, expect)
  return mapEach(inbox, (body, j) => bodyFrom(j).parse(body))
}

export function* withEach<T>(
  peers: readonly PartyIndex[],
  act: (peer: PartyIndex) => Protocol<T>,
): Protocol<ByParty<T>> {
  const results = new Map<PartyIndex, T>()
  for (const j of peers) results.set(j, yield* act(j))
  return results
}
