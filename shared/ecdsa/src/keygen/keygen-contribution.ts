import { type PartyIndex, ProtocolAbort, type SessionId } from '@tandem/rounds'
import type { KeygenSession } from './keygen-session.ts'
import { concat, equalBytes, le16, split } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { decodePoint, POINT_BYTES, sumPoints } from '../math/points.ts'
import { fromBytesBE, randomScalar, toBytes32 } from '../math/scalar.ts'
import { DLOG_PROOF_BYTES, proveDlog, verifyDlog } from '../proof/dlog.ts'
import { hideSecrets, type KeyShare } from '../share.ts'
import { shareHolds } from '../share-codec.ts'
import { type ByParty, inOrder, mapEach, type Round1, withOwn } from '../staging/staging-messages.ts'
import type { Commitment, Opening } from '../staging/staging-rounds.ts'

/** What opens a commitment and proves it; `bytes` is its encoding. */
type Contribution = {
  readonly salt: Uint8Array
  /** A_i, 33 bytes */
  readonly A: Uint8Array
  /** our part of the chain code, 32 bytes */
  readonly cc: Uint8Array
  /** T ‖ z */
  readonly proof: Uint8Array
  readonly bytes: Uint8Array
}

/** Round 1: a_i, our share if the run succeeds, and what commits to it. */
export function contribute(session: KeygenSession): Commitment {
  const { backend, rng, self, secrets } = session
  const scalar = randomScalar(rng)
  const a = toBytes32(scalar)
  secrets.lasting.push(a)
  const parts = { A: backend.encode(backend.mulBase(scalar)), cc: rng(32), salt: rng(32) }
  return {
    nonce: rng(32),
    com: commitment(session, self, parts),
    open: (ssid) => openContribution(session, ssid, a, parts),
  }
}

/** com_i. The index is in it, so a copied commitment opens for nobody else. */
function commitment(session: KeygenSession, i: PartyIndex, parts: Omit<Contribution, 'proof' | 'bytes'>): Uint8Array {
  return TH(session.backend, 'kg/com', session.sid, le16(i), parts.salt, parts.A, parts.cc)
}

function openContribution(
  session: KeygenSession,
  ssid: SessionId,
  a: Uint8Array,
  { salt, A, cc }: Omit<Contribution, 'proof' | 'bytes'>,
): Opening {
  const { backend, rng, self } = session
  const proof = proveDlog(backend, { ssid, prover: self, A }, fromBytesBE(a), rng)
  const mine = { ...{ salt, A, cc, proof }, bytes: concat(salt, A, cc, proof) }
  return {
    bytesFor: () => mine.bytes,
    settle: (round1, round2) => {
      const theirs = mapEach(round2, ({ opening }) => parseContribution(opening))
      verifyContributions(session, ssid, round1, theirs)
      return makeShare(session, ssid, a, withOwn(theirs, self, mine))
    },
  }
}

function parseContribution(bytes: Uint8Array): Contribution {
  const [salt, A, cc, proof] = split(bytes, 32, POINT_BYTES, 32, DLOG_PROOF_BYTES)
  return { salt, A, cc, proof, bytes }
}

/** 2.1 @throws {ProtocolAbort} names every peer that lied, not only the first */
function verifyContributions(
  session: KeygenSession,
  ssid: SessionId,
  round1: ByParty<Pick<Round1, 'com'>>,
  theirs: ByParty<Contribution>,
): void {
  const { backend, peers } = session
  const liars = (holds: (contribution: Contribution, j: PartyIndex) => boolean) =>
    peers.filter((j) => !holds(theirs.get(j)!, j))

  const offCurve = liars(({ A }) => decodePoint(backend, A) !== undefined)
  if (offCurve.length > 0) throw new ProtocolAbort('BAD_ENCODING', 2, offCurve) // check K4
  const opensElse = liars((parts, j) => equalBytes(round1.get(j)!.com, commitment(session, j, parts)))
  if (opensElse.length > 0) throw new ProtocolAbort('BAD_COMMITMENT', 2, opensElse) // check K5
  const unproven = liars(({ A, proof }, j) => verifyDlog(backend, { ssid, prover: j, A }, proof))
  if (unproven.length > 0) throw new ProtocolAbort('BAD_PROOF', 2, unproven) // check K6
}

/** 2.2 @throws {ProtocolAbort} `UNATTRIBUTED` if the openings make no key, or not ours */
function makeShare(session: KeygenSession, ssid: SessionId, a: Uint8Array, all: ByParty<Contribution>): KeyShare {
  const { backend, keyId, self, epoch, threshold, identities } = session
  const publicShares = inOrder(all, ({ A }) => A)
  const X = sumPoints(
    backend,
    publicShares.map((A) => backend.decode(A)),
  )
  if (backend.isIdentity(X)) throw new ProtocolAbort('UNATTRIBUTED', 2) // check K8
  const publicKey = backend.encode(X)
  const sound = shareHolds(backend, { self, secret: a, publicKey, publicShares })
  if (!sound) throw new ProtocolAbort('UNATTRIBUTED', 2) // check K8
  const chainCode = TH(backend, 'kg/cc', ssid, ...inOrder(all, ({ cc }) => cc))
  const seen = TH(backend, 'kg/conf', ...inOrder(all, ({ bytes }) => bytes))
  const conf = TH(backend, 'kg/conf', ssid, seen, publicKey, ...publicShares, chainCode)
  return hideSecrets({
    ...{ keyId, epoch, ssid, self, threshold, parties: identities.length },
    ...{ secret: a, publicKey, publicShares, chainCode, identities, conf },
  })
}
