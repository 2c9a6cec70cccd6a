import { type PartyIndex, partyIndex, ProtocolAbort, type SessionId } from '@tandem/rounds'
import { concat, equalBytes, le16, split } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { evaluate, evaluatePoints, type Polynomial } from '../math/polynomial.ts'
import type { Point } from '../math/backend.ts'
import { decodePoint, POINT_BYTES, sumPoints } from '../math/points.ts'
import { decodeScalar, fromBytesBE, randomScalar, toBytes32 } from '../math/scalar.ts'
import { deals, publishedBytes, type RefreshSession } from './refresh-session.ts'
import { successorOf } from './refresh-successor.ts'
import type { KeyShare } from '../share.ts'
import { deviceOf } from '../sharing.ts'
import { type ByParty, inOrder, mapEach, type Round1, withOwn } from '../staging/staging-messages.ts'
import type { Commitment, Opening } from '../staging/staging-rounds.ts'

// t < n: i adds to everybody's share its part of a polynomial that vanishes at 0. The constant is not sent, so that no
// dealer can move the key. With a device the nodes deal polynomials that do not vanish, and the device, who deals none,
// takes off its share what they have at 0. Source: docs/spec/refresh.md, section 1.

/** A_{i,1}, …, A_{i,t−1}, 33 bytes each, and A_{i,0} before them if there is a device; of the device nothing. */
type Published = readonly Uint8Array[]

/** What one peer published, and what it dealt us alone, 32 bytes: f_j at our place. */
type Dealt = { readonly published: Published; readonly part: Uint8Array }

const NOTHING = new Uint8Array(32)

/** Round 1: a polynomial, through (0, 0) without a device, and what commits to it. No salt: the points hide themselves. */
export function dealPolynomial(session: RefreshSession): Commitment {
  const { backend, rng, self, secrets } = session
  const drawn = Array.from({ length: pointsOf(session, self) }, () => toBytes32(randomScalar(rng)))
  secrets.ephemeral.push(...drawn)
  const published = drawn.map((a) => backend.encode(backend.mulBase(fromBytesBE(a))))
  return {
    nonce: rng(32),
    com: commitment(session, self, published),
    open: (rsid) => openPolynomial(session, rsid, [...omitted(session, NOTHING), ...drawn], published),
  }
}

/** How many points a dealer publishes. */
function pointsOf({ share }: RefreshSession, dealer: PartyIndex): number {
  return publishedBytes(share, dealer) / POINT_BYTES
}

/** The constant, where it is zero and not published. */
function omitted<T>({ share }: RefreshSession, zero: T): T[] {
  return deviceOf(share) === null ? [zero] : []
}

/** Where a party's part of a polynomial is: nodes at their index, the device at 0. */
function standsAt({ share }: RefreshSession, party: PartyIndex): number {
  return party === deviceOf(share) ? 0 : party
}

/** com_i. The index is in it, so a copied commitment opens for nobody else. */
function commitment({ backend, sid }: RefreshSession, i: PartyIndex, published: Published): Uint8Array {
  return TH(backend, 'rf/com', sid, le16(i), ...published)
}

function openPolynomial(session: RefreshSession, rsid: SessionId, f: Polynomial, published: Published): Opening {
  const { self, share, secrets } = session
  const partFor = (j: PartyIndex) => (deals(share, self) ? evaluate(f, standsAt(session, j)) : new Uint8Array())
  return {
    bytesFor: (j) => concat(...published, partFor(j)),
    settle: (round1, round2) => {
      const dealt = mapEach(round2, ({ opening }, j) => parseDealt(opening, pointsOf(session, j)))
      const parts = [...dealt].flatMap(([j, { part }]) => (deals(share, j) ? [part] : []))
      if (deals(share, self)) parts.push(partFor(self))
      secrets.ephemeral.push(...parts)
      verifyDealt(session, round1, dealt)
      return successor(session, rsid, parts, withOwn(dealt, self, { published }))
    },
  }
}

/** Of the device nothing at all. */
function parseDealt(bytes: Uint8Array, count: number): Dealt {
  const parts = split(bytes.subarray(0, count * POINT_BYTES), ...Array.from({ length: count }, () => POINT_BYTES))
  return { published: parts, part: bytes.slice(count * POINT_BYTES) }
}

/** 2.1 @throws {ProtocolAbort} names every peer that lied, not only the first */
function verifyDealt(session: RefreshSession, round1: ByParty<Pick<Round1, 'com'>>, dealt: ByParty<Dealt>): void {
  const { backend, peers, share } = session
  const liars = (holds: (dealt: Dealt, j: PartyIndex) => boolean) => peers.filter((j) => !holds(dealt.get(j)!, j))

  const canonical = ({ published, part }: Dealt, j: PartyIndex) =>
    published.every((A) => decodePoint(backend, A) !== undefined) &&
    (!deals(share, j) || decodeScalar(part) !== undefined)
  const malformed = liars(canonical)
  if (malformed.length > 0) throw new ProtocolAbort('BAD_ENCODING', 2, malformed) // check K4
  const opensElse = liars(({ published }, j) => equalBytes(round1.get(j)!.com, commitment(session, j, published)))
  if (opensElse.length > 0) throw new ProtocolAbort('BAD_COMMITMENT', 2, opensElse) // check K5
  const dealtElse = liars(({ published, part }, j) => !deals(share, j) || isOnCurveOf(session, published, part))
  if (dealtElse.length > 0) throw new ProtocolAbort('BAD_SHARE', 2, dealtElse) // check K7 L1 L8
}

/** Feldman with O for a constant that was not sent: f_j(i)·G = Σ i^k·A_{j,k}; δ_j·G = A_{j,0} for a device. */
function isOnCurveOf(session: RefreshSession, published: Published, part: Uint8Array): boolean {
  const { backend, self } = session
  const image = evaluatePoints(backend, coefficients(session, published), standsAt(session, self))
  return backend.equal(backend.mulBase(fromBytesBE(part)), image)
}

function coefficients(session: RefreshSession, published: Published): Point[] {
  const { backend } = session
  return [...omitted(session, backend.identity), ...published.map((A) => backend.decode(A))]
}

/** 2.2 @throws {ProtocolAbort} `UNATTRIBUTED` if the openings make no shares of the same key, or not ours */
function successor(
  session: RefreshSession,
  rsid: SessionId,
  parts: readonly Uint8Array[],
  all: ByParty<Pick<Dealt, 'published'>>,
): KeyShare {
  const { backend, self, share } = session
  const device = deviceOf(share)
  const dealers = new Map([...all].filter(([j]) => deals(share, j)))
  const dealt = inOrder(dealers, ({ published }) => coefficients(session, published))
  const sum = dealt[0]!.map((_, k) =>
    sumPoints(
      backend,
      dealt.map((points) => points[k]!),
    ),
  )
  const balance = parts.reduce((total, part) => total + fromBytesBE(part), 0n)
  const moveOf = (j: PartyIndex) => {
    const image = evaluatePoints(backend, sum, standsAt(session, j))
    return j === device ? backend.negate(image) : image
  }
  return successorOf(session, rsid, {
    balance: self === device ? -balance : balance,
    points: share.publicShares.map((X, at) => backend.add(backend.decode(X), moveOf(partyIndex(at + 1)))),
    published: inOrder(all, ({ published }) => published).flat(),
  })
}
