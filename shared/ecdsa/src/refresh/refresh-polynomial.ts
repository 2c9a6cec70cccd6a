import { type PartyIndex, ProtocolAbort, type SessionId } from '@tandem/rounds'
import { concat, equalBytes, le16, split } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { evaluate, evaluatePoints, type Polynomial } from '../math/polynomial.ts'
import type { Point } from '../math/backend.ts'
import { decodePoint, POINT_BYTES, sumPoints } from '../math/points.ts'
import { decodeScalar, fromBytesBE, randomScalar, toBytes32 } from '../math/scalar.ts'
import type { RefreshSession } from './refresh-session.ts'
import { successorOf } from './refresh-successor.ts'
import type { KeyShare } from '../share.ts'
import { type ByParty, inOrder, mapEach, type Round1, withOwn } from '../staging/staging-messages.ts'
import type { Commitment, Opening } from '../staging/staging-rounds.ts'

// t < n: i adds to everybody's share its part of a polynomial that vanishes at 0. The constant is not sent, so that no
// dealer can move the key. Source: docs/spec/refresh.md, section 1.

/** A_{i,1}, …, A_{i,t−1}, 33 bytes each. */
type Published = readonly Uint8Array[]

/** What one peer published, and what it dealt us alone: f_j(self), 32 bytes. */
type Dealt = { readonly published: Published; readonly part: Uint8Array }

const NOTHING = new Uint8Array(32)

/** Round 1: a polynomial through (0, 0), and what commits to it. No salt: the points hide themselves. */
export function dealPolynomial(session: RefreshSession): Commitment {
  const { backend, rng, self, share, secrets } = session
  const drawn = Array.from({ length: share.threshold - 1 }, () => toBytes32(randomScalar(rng)))
  secrets.ephemeral.push(...drawn)
  const published = drawn.map((a) => backend.encode(backend.mulBase(fromBytesBE(a))))
  return {
    nonce: rng(32),
    com: commitment(session, self, published),
    open: (rsid) => openPolynomial(session, rsid, [NOTHING, ...drawn], published),
  }
}

/** com_i. The index is in it, so a copied commitment opens for nobody else. */
function commitment({ backend, sid }: RefreshSession, i: PartyIndex, published: Published): Uint8Array {
  return TH(backend, 'rf/com', sid, le16(i), ...published)
}

function openPolynomial(session: RefreshSession, rsid: SessionId, f: Polynomial, published: Published): Opening {
  const { self, secrets } = session
  return {
    bytesFor: (j) => concat(...published, evaluate(f, j)),
    settle: (round1, round2) => {
      const dealt = mapEach(round2, ({ opening }) => parseDealt(opening, published.length))
      const own = evaluate(f, self)
      secrets.ephemeral.push(own, ...inOrder(dealt, ({ part }) => part))
      verifyDealt(session, round1, dealt)
      const parts = [own, ...inOrder(dealt, ({ part }) => part)]
      return successor(session, rsid, parts, withOwn(dealt, self, { published }))
    },
  }
}

function parseDealt(bytes: Uint8Array, count: number): Dealt {
  const parts = split(bytes, ...Array.from({ length: count }, () => POINT_BYTES), 32)
  return { published: parts.slice(0, count), part: parts[count]! }
}

/** 2.1 @throws {ProtocolAbort} names every peer that lied, not only the first */
function verifyDealt(session: RefreshSession, round1: ByParty<Pick<Round1, 'com'>>, dealt: ByParty<Dealt>): void {
  const { backend, peers } = session
  const liars = (holds: (dealt: Dealt, j: PartyIndex) => boolean) => peers.filter((j) => !holds(dealt.get(j)!, j))

  const canonical = ({ published, part }: Dealt) =>
    published.every((A) => decodePoint(backend, A) !== undefined) && decodeScalar(part) !== undefined
  const malformed = liars(canonical)
  if (malformed.length > 0) throw new ProtocolAbort('BAD_ENCODING', 2, malformed) // check K4
  const opensElse = liars(({ published }, j) => equalBytes(round1.get(j)!.com, commitment(session, j, published)))
  if (opensElse.length > 0) throw new ProtocolAbort('BAD_COMMITMENT', 2, opensElse) // check K5
  const dealtElse = liars(({ published, part }) => isOnCurveOf(session, published, part))
  if (dealtElse.length > 0) throw new ProtocolAbort('BAD_SHARE', 2, dealtElse) // check K7 L1
}

/** Feldman with O for the constant: f_j(i)·G = Σ_{k≥1} i^k·A_{j,k} */
function isOnCurveOf({ backend, self }: RefreshSession, published: Published, part: Uint8Array): boolean {
  return backend.equal(
    backend.mulBase(fromBytesBE(part)),
    evaluatePoints(backend, throughZero(backend, published), self),
  )
}

function throughZero(backend: RefreshSession['backend'], published: Published): Point[] {
  return [backend.identity, ...published.map((A) => backend.decode(A))]
}

/** 2.2 @throws {ProtocolAbort} `UNATTRIBUTED` if the openings make no shares of the same key, or not ours */
function successor(
  session: RefreshSession,
  rsid: SessionId,
  parts: readonly Uint8Array[],
  all: ByParty<Pick<Dealt, 'published'>>,
): KeyShare {
  const { backend, share } = session
  const dealt = inOrder(all, ({ published }) => throughZero(backend, published))
  const sum = dealt[0]!.map((_, k) =>
    sumPoints(
      backend,
      dealt.map((points) => points[k]!),
    ),
  )
  return successorOf(session, rsid, {
    balance: parts.reduce((total, part) => total + fromBytesBE(part), 0n),
    points: share.publicShares.map((X, at) => backend.add(backend.decode(X), evaluatePoints(backend, sum, at + 1))),
    published: inOrder(all, ({ published }) => published).flat(),
  })
}
