import { type PartyIndex, ProtocolAbort, type SessionId } from '@tandem/rounds'
import type { Point } from '../math/backend.ts'
import { concat, equalBytes, le16, split } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { decodePoint, POINT_BYTES } from '../math/points.ts'
import { decodeScalar, fromBytesBE, randomScalar, toBytes32 } from '../math/scalar.ts'
import type { RefreshSession } from './refresh-session.ts'
import { successorOf } from './refresh-successor.ts'
import type { KeyShare } from '../share.ts'
import { type ByParty, inOrder, mapEach, type Round1, withOwn } from '../staging/staging-messages.ts'
import type { Commitment, Opening } from '../staging/staging-rounds.ts'

// t = n: i moves δ_{i→j} from its share to j's, for every j: the sum stays. D_{i→j} = δ_{i→j}·G is published, so that all can
// follow the public shares. Source: docs/spec/refresh.md.

/** D_{i→j} for every j but i, ascending, 33 bytes each. */
type Published = readonly Uint8Array[]

/** What one peer published, and what it sent us alone: δ_{j→self}, 32 bytes. */
type Dealt = { readonly published: Published; readonly delta: Uint8Array }

/** Round 1: a δ for every peer, and what commits to them. No salt: the points hide themselves. */
export function dealDeltas(session: RefreshSession): Commitment {
  const { backend, rng, self, peers, secrets } = session
  const deltas = new Map(peers.map((j) => [j, toBytes32(randomScalar(rng))]))
  secrets.ephemeral.push(...deltas.values())
  const published = inOrder(deltas, (delta) => backend.encode(backend.mulBase(fromBytesBE(delta))))
  return {
    nonce: rng(32),
    com: commitment(session, self, published),
    open: (rsid) => openDeltas(session, rsid, deltas, published),
  }
}

/** com_i. The index is in it, so a copied commitment opens for nobody else. */
function commitment({ backend, sid }: RefreshSession, i: PartyIndex, published: Published): Uint8Array {
  return TH(backend, 'rf/com', sid, le16(i), ...published)
}

function openDeltas(
  session: RefreshSession,
  rsid: SessionId,
  deltas: ByParty<Uint8Array>,
  published: Published,
): Opening {
  const { self, peers, secrets } = session
  return {
    bytesFor: (j) => concat(...published, deltas.get(j)!),
    settle: (round1, round2) => {
      const dealt = mapEach(round2, ({ opening }) => parseDealt(opening, peers.length))
      secrets.ephemeral.push(...inOrder(dealt, ({ delta }) => delta))
      verifyDealt(session, round1, dealt)
      const moves = peers.map((j) => ({ received: dealt.get(j)!.delta, given: deltas.get(j)! }))
      return successor(session, rsid, moves, withOwn(dealt, self, { published }))
    },
  }
}

function parseDealt(bytes: Uint8Array, peers: number): Dealt {
  const parts = split(bytes, ...Array.from({ length: peers }, () => POINT_BYTES), 32)
  return { published: parts.slice(0, peers), delta: parts[peers]! }
}

/** 2.1 @throws {ProtocolAbort} names every peer that lied, not only the first */
function verifyDealt(session: RefreshSession, round1: ByParty<Pick<Round1, 'com'>>, dealt: ByParty<Dealt>): void {
  const { backend, self, peers } = session
  const liars = (holds: (dealt: Dealt, j: PartyIndex) => boolean) => peers.filter((j) => !holds(dealt.get(j)!, j))

  const canonical = ({ published, delta }: Dealt) =>
    published.every((D) => decodePoint(backend, D) !== undefined) && decodeScalar(delta) !== undefined
  const malformed = liars(canonical)
  if (malformed.length > 0) throw new ProtocolAbort('BAD_ENCODING', 2, malformed) // check K4
  const opensElse = liars(({ published }, j) => equalBytes(round1.get(j)!.com, commitment(session, j, published)))
  if (opensElse.length > 0) throw new ProtocolAbort('BAD_COMMITMENT', 2, opensElse) // check K5
  // δ = 0 falls here too: O has no encoding, so no D is its image.
  const dealtElse = liars(({ published, delta }, j) =>
    backend.equal(backend.mulBase(fromBytesBE(delta)), backend.decode(published[placeOf(self, j)]!)),
  )
  if (dealtElse.length > 0) throw new ProtocolAbort('BAD_SHARE', 2, dealtElse) // check L8
}

/** Where D_{i→j} stands among what i published. */
function placeOf(j: PartyIndex, i: PartyIndex): number {
  return j < i ? j - 1 : j - 2
}

/** 2.2 @throws {ProtocolAbort} `UNATTRIBUTED` if the openings make no shares of the same key, or not ours */
function successor(
  session: RefreshSession,
  rsid: SessionId,
  moves: readonly { readonly received: Uint8Array; readonly given: Uint8Array }[],
  all: ByParty<Pick<Dealt, 'published'>>,
): KeyShare {
  return successorOf(session, rsid, {
    balance: moves.reduce((sum, move) => sum + fromBytesBE(move.received) - fromBytesBE(move.given), 0n),
    points: movedPoints(session, all),
    published: inOrder(all, ({ published }) => published).flat(),
  })
}

/** X_i′ = X_i + Σ_j (D_{j→i} − D_{i→j}) */
function movedPoints({ backend, share }: RefreshSession, all: ByParty<Pick<Dealt, 'published'>>): Point[] {
  const points = share.publicShares.map((X) => backend.decode(X))
  const move = (to: PartyIndex, D: Point) => {
    points[to - 1] = backend.add(points[to - 1]!, D)
  }
  for (const [i, { published }] of all) {
    for (const j of all.keys()) {
      if (i === j) continue
      const D = backend.decode(published[placeOf(j, i)]!)
      move(j, D)
      move(i, backend.negate(D))
    }
  }
  return points
}
