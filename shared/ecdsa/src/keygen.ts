import {
  exchange,
  journal,
  type PartyIndex,
  type Protocol,
  ProtocolAbort,
  type RoundHeader,
  type SessionId,
  toEach,
} from '@tandem/rounds'
import { type Agreement, agree, contribute, openContribution, ssidOf, verifyOpenings } from './keygen-contribution.ts'
import { type Body, type ByParty, inOrder, ROUND1, ROUND2, ROUND3, ROUND4, withOwn } from './keygen-messages.ts'
import {
  acknowledge,
  acknowledges,
  type KeygenDeps,
  type KeygenSession,
  type KeygenSetup,
  keygenHeader,
  openSession,
} from './keygen-session.ts'
import { concat, equalBytes } from './math/bytes.ts'
import { expandPairing, finishPairing, offerPairing, type PairingRun, replyPairing } from './pairing.ts'
import { hideSecrets, type KeygenResult, type KeyShare } from './share.ts'
import { encodeStage } from './share-codec.ts'

/**
 * A new key for n parties, all of whom will sign: four rounds, no share travels, and every pair is set up both ways.
 *
 * Yields one `store` entry named `stage` before the acknowledgement leaves: its bytes are {@link encodeStage} of share
 * and pairs. The key is complete when this returns; when it comes into force is the service's commit.
 *
 * Source: docs/spec/keygen.md.
 *
 * @throws {ProtocolAbort} the run is over and its secrets are overwritten; draw a new key id
 */
export function* keygen(setup: KeygenSetup, deps: KeygenDeps): Protocol<KeygenResult> {
  const session = openSession(setup, deps)
  const { ephemeral, lasting } = session.secrets
  let result: KeygenResult | undefined
  try {
    result = yield* generate(session)
    return result
  } finally {
    for (const secret of result ? ephemeral : [...ephemeral, ...lasting]) secret.fill(0)
  }
}

function* generate(session: KeygenSession): Protocol<KeygenResult> {
  const { backend, rng, self, peers, sid, secrets } = session

  const mine = contribute(session)
  const offers = new Map(peers.map((j) => [j, offerPairing(backend, rng, secrets)]))
  const round1 = yield* talk(session, keygenHeader(1, sid), ROUND1, (j) =>
    concat(mine.nonce, mine.com, offers.get(j)!.abot),
  )
  const ssid = ssidOf(session, withOwn(round1, self, mine))

  const replies = yield* withEach(peers, (j) => replyPairing(pairing(session, ssid, j), round1.get(j)!.abot, rng))
  const opening = openContribution(session, ssid, mine)
  const round2 = yield* talk(session, keygenHeader(2, ssid), ROUND2, (j) =>
    concat(opening.bytes, offers.get(j)!.zeroHalf, replies.get(j)!.reply),
  )
  verifyOpenings(session, ssid, round1, round2)
  const agreement = agree(session, ssid, mine.a, withOwn(round2, self, { opening }))

  const expansions = yield* withEach(peers, (j) =>
    expandPairing(pairing(session, ssid, j), offers.get(j)!, round2.get(j)!.reply),
  )
  const round3 = yield* talk(session, keygenHeader(3, ssid), ROUND3, (j) =>
    concat(agreement.conf, expansions.get(j)!.pprf),
  )
  const agreed = peers.every((j) => equalBytes(round3.get(j)!.conf, agreement.conf))
  if (!agreed) throw new ProtocolAbort('ECHO_MISMATCH', 3) // check K9 K15
  const pairs = peers.map((j) => {
    const ours = { offer: offers.get(j)!, reply: replies.get(j)!, expansion: expansions.get(j)! }
    return finishPairing(pairing(session, ssid, j), ours, { ...round2.get(j)!, ...round3.get(j)! })
  })

  const share = shareOf(session, ssid, mine.a, agreement)
  return yield* confirm(session, { share, pairs })
}

/** Everything is verified: store, acknowledge, and collect everybody's acknowledgement. */
function* confirm(session: KeygenSession, stage: Pick<KeygenResult, 'share' | 'pairs'>): Protocol<KeygenResult> {
  const { backend, self, peers } = session
  const { conf, ssid } = stage.share
  const ack = acknowledge(session, conf)
  yield* journal({ entry: 'store', name: 'stage', bytes: encodeStage(backend, stage) })

  const acks = yield* talk(session, keygenHeader(4, ssid), ROUND4, () => ack)
  const unsigned = peers.filter((j) => !acknowledges(session, j, conf, acks.get(j)!))
  if (unsigned.length > 0) throw new ProtocolAbort('BAD_PROOF', 4, unsigned) // check K10
  return hideSecrets({ ...stage, certificate: inOrder(withOwn(acks, self, ack), (one) => one) })
}

function shareOf(session: KeygenSession, ssid: SessionId, secret: Uint8Array, agreement: Agreement): KeyShare {
  const { keyId, self, threshold, identities } = session
  return hideSecrets({
    ...{ keyId, epoch: 0, ssid, self, threshold, parties: identities.length },
    ...{ secret, ...agreement, identities },
  })
}

function pairing({ backend, self, secrets }: KeygenSession, ssid: SessionId, peer: PartyIndex): PairingRun {
  return { backend, ssid, epoch: 0, self, peer, secrets }
}

/** One round: a body to every peer, and what every peer said. */
function* talk<T>(
  { self, peers }: KeygenSession,
  header: RoundHeader,
  body: Body<T>,
  bodyFor: (peer: PartyIndex) => Uint8Array,
): Protocol<ByParty<T>> {
  const send = new Map(peers.map((j) => [j, bodyFor(j)]))
  const inbox = yield* exchange(header, self, send, toEach(peers, body.bytes))
  return new Map([...inbox].map(([j, bytes]) => [j, body.parse(bytes)]))
}

function* withEach<T>(peers: readonly PartyIndex[], act: (peer: PartyIndex) => Protocol<T>): Protocol<ByParty<T>> {
  const results = new Map<PartyIndex, T>()
  for (const j of peers) results.set(j, yield* act(j))
  return results
}
