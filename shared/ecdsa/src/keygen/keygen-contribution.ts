import { type PartyIndex, ProtocolAbort, type SessionId } from '@tandem/rounds'
import { contributionBytes, isDealt, type KeygenSession } from './keygen-session.ts'
import type { Point } from '../math/backend.ts'
import { concat, equalBytes, le16, split } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { evaluate, evaluatePoints, type Polynomial } from '../math/polynomial.ts'
import { decodePoint, POINT_BYTES, sumPoints } from '../math/points.ts'
import { decodeScalar, fromBytesBE, mod, randomScalar, toBytes32 } from '../math/scalar.ts'
import { DLOG_PROOF_BYTES, proveDlog, verifyDlog } from '../proof/dlog.ts'
import { hideSecrets, type KeyShare } from '../share.ts'
import { shareHolds } from '../share-codec.ts'
import { coefficientsOf, isSummand, modeOf } from '../sharing.ts'
import { type ByParty, inOrder, mapEach, type Round1, withOwn } from '../staging/staging-messages.ts'
import type { Commitment, Opening } from '../staging/staging-rounds.ts'

/** What opens a commitment. */
type Opened = {
  readonly salt: Uint8Array
  /** A_{i,0}, A_{i,1}, …, 33 bytes each; the first alone where shares are additive */
  readonly points: readonly Uint8Array[]
  /** our part of the chain code, 32 bytes */
  readonly cc: Uint8Array
}

type Contribution = Opened & {
  /** T ‖ z */
  readonly proof: Uint8Array
  /** what everybody is sent: salt ‖ A ‖ cc ‖ proof */
  readonly bytes: Uint8Array
}

/** A peer's contribution with what it dealt us alone: f_j(self), 32 bytes, or nothing where no share travels. */
type Dealt = Contribution & { readonly part: Uint8Array }

/** Round 1: f_i, of which the constant is our part of the key, and what commits to it. */
export function contribute(session: KeygenSession): Commitment {
  const { backend, rng, self, secrets } = session
  const f = Array.from({ length: coefficientsOf(session, self) }, () => toBytes32(randomScalar(rng)))
  // the constant of a summand is the share
  secrets[isSummand(session, self) ? 'lasting' : 'ephemeral'].push(...f)
  const points = f.map((a) => backend.encode(backend.mulBase(fromBytesBE(a))))
  const parts = { points, cc: rng(32), salt: rng(32) }
  return {
    nonce: rng(32),
    com: commitment(session, self, parts),
    open: (ssid) => openContribution(session, ssid, f, parts),
  }
}

/** com_i. The index is in it, so a copied commitment opens for nobody else. */
function commitment({ backend, sid }: KeygenSession, i: PartyIndex, { salt, points, cc }: Opened): Uint8Array {
  return TH(backend, 'kg/com', sid, le16(i), salt, ...points, cc)
}

function openContribution(
  session: KeygenSession,
  ssid: SessionId,
  f: Polynomial,
  { salt, points, cc }: Opened,
): Opening {
  const { backend, rng, self, secrets } = session
  const proof = proveDlog(backend, statementOf(ssid, self, points), fromBytesBE(f[0]!), rng)
  const mine = { ...{ salt, points, cc, proof }, bytes: concat(salt, ...points, cc, proof) }
  return {
    bytesFor: (j) => concat(mine.bytes, isDealt(session, self, j) ? evaluate(f, j) : new Uint8Array()),
    settle: (round1, round2) => {
      const theirs = mapEach(round2, ({ opening }, j) => parseDealt(session, opening, j))
      secrets.ephemeral.push(...inOrder(theirs, ({ part }) => part))
      verifyContributions(session, ssid, round1, theirs)
      return makeShare(session, ssid, secretOf(session, f, theirs), withOwn(theirs, self, mine))
    },
  }
}

function statementOf(ssid: SessionId, prover: PartyIndex, [A, ...higher]: readonly Uint8Array[]) {
  return { ssid, prover, A: A!, higher }
}

function parseDealt(session: KeygenSession, opening: Uint8Array, from: PartyIndex): Dealt {
  const count = coefficientsOf(session, from)
  const bytes = opening.slice(0, contributionBytes(session, from))
  const points = Array.from({ length: count }, () => POINT_BYTES)
  const [salt, ...rest] = split(bytes, 32, ...points, 32, DLOG_PROOF_BYTES)
  const part = new Uint8Array(opening.subarray(bytes.length))
  return { salt, points: rest.slice(0, count), cc: rest[count]!, proof: rest[count + 1]!, bytes, part }
}

/** 2.1 @throws {ProtocolAbort} names every peer that lied, not only the first */
function verifyContributions(
  session: KeygenSession,
  ssid: SessionId,
  round1: ByParty<Pick<Round1, 'com'>>,
  theirs: ByParty<Dealt>,
): void {
  const { backend, peers } = session
  const liars = (holds: (dealt: Dealt, j: PartyIndex) => boolean) => peers.filter((j) => !holds(theirs.get(j)!, j))

  const dealt = (j: PartyIndex) => isDealt(session, j, session.self)
  const canonical = ({ points, part }: Dealt, j: PartyIndex) =>
    points.every((A) => decodePoint(backend, A) !== undefined) && (!dealt(j) || decodeScalar(part) !== undefined)
  const malformed = liars(canonical)
  if (malformed.length > 0) throw new ProtocolAbort('BAD_ENCODING', 2, malformed) // check K4
  const opensElse = liars((parts, j) => equalBytes(round1.get(j)!.com, commitment(session, j, parts)))
  if (opensElse.length > 0) throw new ProtocolAbort('BAD_COMMITMENT', 2, opensElse) // check K5
  const unproven = liars(({ points, proof }, j) => verifyDlog(backend, statementOf(ssid, j, points), proof))
  if (unproven.length > 0) throw new ProtocolAbort('BAD_PROOF', 2, unproven) // check K6
  const dealtElse = liars(({ points, part }, j) => !dealt(j) || isOnCurveOf(session, points, part))
  if (dealtElse.length > 0) throw new ProtocolAbort('BAD_SHARE', 2, dealtElse) // check K7
}

/** Feldman: f_j(i)·G = Σ i^k·A_{j,k} */
function isOnCurveOf({ backend, self }: KeygenSession, points: readonly Uint8Array[], part: Uint8Array): boolean {
  const image = evaluatePoints(
    backend,
    points.map((A) => backend.decode(A)),
    self,
  )
  return backend.equal(backend.mulBase(fromBytesBE(part)), image)
}

/** s_i: our constant if it is a summand, else Σ f_j(i) of all who share a polynomial, our own among them. */
function secretOf(session: KeygenSession, f: Polynomial, theirs: ByParty<Dealt>): Uint8Array {
  const { self, secrets } = session
  if (isSummand(session, self)) return f[0]!
  const own = evaluate(f, self)
  const parts = [own, ...inOrder(theirs, ({ part }, j) => (isDealt(session, j, self) ? [part] : [])).flat()]
  const secret = toBytes32(mod(parts.reduce((sum, part) => sum + fromBytesBE(part), 0n)))
  secrets.ephemeral.push(own)
  secrets.lasting.push(secret)
  return secret
}

/** 2.2 @throws {ProtocolAbort} `UNATTRIBUTED` if the openings make no key, or not ours */
function makeShare(session: KeygenSession, ssid: SessionId, secret: Uint8Array, all: ByParty<Contribution>): KeyShare {
  const { backend, keyId, self, epoch, threshold, parties, identities } = session
  const [X, ...shares] = publicPoints(session, all)
  if ([X!, ...shares].some((P) => backend.isIdentity(P))) throw new ProtocolAbort('UNATTRIBUTED', 2) // check K8
  const publicKey = backend.encode(X!)
  const publicShares = shares.map((P) => backend.encode(P))
  const sound = shareHolds(backend, { self, threshold, secret, publicKey, publicShares, ...modeOf(session) })
  if (!sound) throw new ProtocolAbort('UNATTRIBUTED', 2) // check K8
  const chainCode = TH(backend, 'kg/cc', ssid, ...inOrder(all, ({ cc }) => cc))
  const seen = TH(backend, 'kg/conf', ...inOrder(all, ({ bytes }) => bytes))
  const conf = TH(backend, 'kg/conf', ssid, seen, publicKey, ...publicShares, chainCode)
  return hideSecrets({
    ...{ keyId, epoch, ssid, self, threshold, parties, ...modeOf(session) },
    ...{ secret, publicKey, publicShares, chainCode, identities, conf },
  })
}

/** X, X_1, …, X_n: the constants, and them alone for summands; else the sum of all polynomials at 1, …, n. */
function publicPoints(session: KeygenSession, all: ByParty<Contribution>): Point[] {
  const { backend } = session
  const dealt = inOrder(all, ({ points }, i) => ({ i, points: points.map((A) => backend.decode(A)) }))
  const constants = dealt.map(({ points }) => points[0]!)
  const shared = dealt.filter(({ i }) => !isSummand(session, i)).map(({ points }) => points)
  const sum = (shared[0] ?? []).map((_, k) =>
    sumPoints(
      backend,
      shared.map((points) => points[k]!),
    ),
  )
  const shares = dealt.map(({ i }) => (isSummand(session, i) ? constants[i - 1]! : evaluatePoints(backend, sum, i)))
  return [sumPoints(backend, constants), ...shares]
}
