import { exchange, type PartyIndex, type Protocol, type RoundHeader, type SessionId, sessionId } from '@tandem/rounds'
import { concat } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import type { KeygenResult } from '../share.ts'
import { offerPairing, type PairingReply, replyPairing } from '../staging/pairing.ts'
import { certify, confirm, pairing, withEach } from '../staging/staging-finish.ts'
import { type ByParty, inOrder, mapEach, withOwn } from '../staging/staging-messages.ts'
import { STAGING_LABELS } from '../staging/staging-session.ts'
import { partOf } from './reshare-dealing.ts'
import {
  isNew,
  parseRound1,
  parseRound2,
  type Received,
  type ReshareRound1,
  type ReshareRound2,
  round1Bytes,
  round2Bytes,
} from './reshare-messages.ts'
import { newPartyOf, type ReshareSession } from './reshare-session.ts'
import {
  type Dealt,
  dealOwn,
  type NextKey,
  nextKeyOf,
  nextShareOf,
  type OwnDealing,
  ownPart,
  verifyDealt,
} from './reshare-shares.ts'

/** What a participant has of a reshare. One that leaves has no share, and knows what the certificate must be about. */
export type ReshareResult =
  | { readonly role: 'leaves'; readonly key: NextKey }
  | { readonly role: 'joins'; readonly key: NextKey; readonly result: KeygenResult }

type Length = (session: ReshareSession, from: PartyIndex, to: PartyIndex) => number

/** Source: docs/spec/reshare.md, section 2. */
export function* reshareInRounds(session: ReshareSession): Protocol<ReshareResult> {
  const { backend, rng, share, self, others, place, dealerAt, secrets } = session
  const own = share && dealerAt.has(place) ? dealOwn(session, share) : null
  const nonce = rng(32)
  const peers = self === null ? [] : others.filter((p) => isNew(session, p))
  const offers = new Map(peers.map((p) => [p, offerPairing(backend, rng, secrets)]))

  const com = own?.com ?? NOTHING
  const first = yield* say(session, { round: 1, sid: session.sid, bytes: round1Bytes, parse: parseRound1 }, (p) =>
    concat(nonce, com, offers.get(p)?.abot ?? NOTHING),
  )
  const rsid = rsidOf(session, withOwn(first, place, { nonce, com }))

  const replies = yield* repliesTo(session, rsid, peers, first)
  const second = yield* say(session, { round: 2, sid: rsid, bytes: round2Bytes, parse: parseRound2 }, (p) =>
    concat(dealingFor(session, own, p), offers.get(p)?.zeroHalf ?? NOTHING, replies.get(p)?.reply ?? NOTHING),
  )
  const dealt = dealtTo(session, own, first, second)
  const key = nextKeyOf(session, rsid, dealt)
  if (self === null) return { role: 'leaves', key }

  const party = newPartyOf(session, self)
  const stage = yield* confirm(party, nextShareOf(session, self, key, dealt), { offers, replies, second })
  return { role: 'joins', key, result: yield* certify(party, stage) }
}

const NOTHING = new Uint8Array()

function* repliesTo(
  session: ReshareSession,
  rsid: SessionId,
  peers: readonly PartyIndex[],
  first: ByParty<ReshareRound1>,
): Protocol<ByParty<PairingReply>> {
  const { self, rng } = session
  if (self === null) return new Map()
  const party = newPartyOf(session, self)
  return yield* withEach(peers, (p) => replyPairing(pairing(party, rsid, p), first.get(p)!.abot, rng))
}

/** A_{i,·} to everybody, f_i(j) to those who join. */
function dealingFor(session: ReshareSession, own: OwnDealing | null, to: PartyIndex): Uint8Array {
  if (own === null) return NOTHING
  return concat(...own.published, isNew(session, to) ? partOf(session.next, own.dealing, to) : NOTHING)
}

/** Everything dealt, ours included, once that of the others is verified. */
function dealtTo(
  session: ReshareSession,
  own: OwnDealing | null,
  first: ByParty<ReshareRound1>,
  second: ByParty<ReshareRound2>,
): ByParty<Dealt> {
  const { self, place, dealerAt, secrets } = session
  const theirs = [...second].filter(([p]) => dealerAt.has(p))
  const dealt = new Map(theirs.map(([p, { published, part }]) => [p, { published, part: self === null ? null : part }]))
  secrets.ephemeral.push(...[...second.values()].map(({ part }) => part))
  verifyDealt(
    session,
    mapEach(first, ({ com }) => com),
    dealt,
  )
  return own ? withOwn(dealt, place, { published: own.published, part: ownPart(session, own) }) : dealt
}

/** 2.1 It is the ssid of the new shares. What a place does not commit to is empty. */
function rsidOf({ backend, sid }: ReshareSession, round1: ByParty<Pick<ReshareRound1, 'nonce' | 'com'>>): SessionId {
  const views = inOrder(round1, ({ nonce, com }) => [nonce, com]).flat()
  return sessionId(TH(backend, STAGING_LABELS.reshare.ssid, sid, ...views))
}

type Round<T> = {
  readonly round: number
  readonly sid: SessionId
  readonly bytes: Length
  readonly parse: (received: Received) => T
}

/** One round among all places; where the length is zero there is no message. */
function* say<T>(
  session: ReshareSession,
  { round, sid, bytes, parse }: Round<T>,
  bodyFor: (place: PartyIndex) => Uint8Array,
): Protocol<ByParty<T>> {
  const { place, others } = session
  const header: RoundHeader = { protocol: 'reshare', round, sid, epoch: 0 }
  const send = others.flatMap((p) => (bytes(session, place, p) > 0 ? [[p, bodyFor(p)] as const] : []))
  const expect = others.flatMap((p) => (bytes(session, p, place) > 0 ? [[p, bytes(session, p, place)] as const] : []))
  const inbox = yield* exchange(header, place, new Map(send), new Map(expect))
  return mapEach(inbox, (body, from) => parse({ session, from, body }))
}
