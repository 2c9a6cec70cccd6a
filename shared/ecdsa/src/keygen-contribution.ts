import { type PartyIndex, ProtocolAbort, type SessionId, sessionId } from '@tandem/rounds'
import { type ByParty, inOrder, type Opening, openingOf, type Round1, type Round2 } from './keygen-messages.ts'
import type { KeygenSession } from './keygen-session.ts'
import { equalBytes, le16 } from './math/bytes.ts'
import { TH } from './math/hash.ts'
import { decodePoint, sumPoints } from './math/points.ts'
import { fromBytesBE, randomScalar, toBytes32 } from './math/scalar.ts'
import { proveDlog, verifyDlog } from './proof/dlog.ts'
import { shareHolds } from './share-codec.ts'

/** Our part of the key: a_i, what commits to it and what opens the commitment. */
export type Contribution = {
  /** a_i, 32 bytes big-endian; our share if the run succeeds */
  readonly a: Uint8Array
  readonly A: Uint8Array
  readonly cc: Uint8Array
  readonly salt: Uint8Array
  readonly nonce: Uint8Array
  readonly com: Uint8Array
}

/** What all parties must hold alike after round 2. */
export type Agreement = {
  readonly publicKey: Uint8Array
  readonly publicShares: readonly Uint8Array[]
  readonly chainCode: Uint8Array
  readonly conf: Uint8Array
}

export function contribute(session: KeygenSession): Contribution {
  const { backend, rng, self, secrets } = session
  const scalar = randomScalar(rng)
  const a = toBytes32(scalar)
  secrets.lasting.push(a)
  const parts = { A: backend.encode(backend.mulBase(scalar)), cc: rng(32), salt: rng(32) }
  return { a, ...parts, nonce: rng(32), com: commitment(session, self, parts) }
}

/** com_i. The index is in it, so a copied commitment opens for nobody else. */
function commitment(session: KeygenSession, i: PartyIndex, parts: Pick<Opening, 'A' | 'cc' | 'salt'>): Uint8Array {
  return TH(session.backend, 'kg/com', session.sid, le16(i), parts.salt, parts.A, parts.cc)
}

/** 1.1 */
export function ssidOf(session: KeygenSession, round1: ByParty<Pick<Round1, 'nonce' | 'com'>>): SessionId {
  const views = inOrder(round1, ({ nonce, com }) => [nonce, com]).flat()
  return sessionId(TH(session.backend, 'kg/ssid', session.sid, ...views))
}

export function openContribution(session: KeygenSession, ssid: SessionId, mine: Contribution): Opening {
  const { backend, rng, self } = session
  const statement = { ssid, prover: self, A: mine.A }
  return openingOf({ ...mine, proof: proveDlog(backend, statement, fromBytesBE(mine.a), rng) })
}

/** 2.1 @throws {ProtocolAbort} names every peer that lied, not only the first */
export function verifyOpenings(
  session: KeygenSession,
  ssid: SessionId,
  round1: ByParty<Pick<Round1, 'com'>>,
  round2: ByParty<Pick<Round2, 'opening'>>,
): void {
  const { backend, peers } = session
  const liars = (holds: (opening: Opening, j: PartyIndex) => boolean) =>
    peers.filter((j) => !holds(round2.get(j)!.opening, j))

  const offCurve = liars(({ A }) => decodePoint(backend, A) !== undefined)
  if (offCurve.length > 0) throw new ProtocolAbort('BAD_ENCODING', 2, offCurve) // check K4
  const opensElse = liars((opening, j) => equalBytes(round1.get(j)!.com, commitment(session, j, opening)))
  if (opensElse.length > 0) throw new ProtocolAbort('BAD_COMMITMENT', 2, opensElse) // check K5
  const unproven = liars(({ A, proof }, j) => verifyDlog(backend, { ssid, prover: j, A }, proof))
  if (unproven.length > 0) throw new ProtocolAbort('BAD_PROOF', 2, unproven) // check K6
}

/** 2.2 @throws {ProtocolAbort} `UNATTRIBUTED` if the openings make no key, or not ours */
export function agree(
  session: KeygenSession,
  ssid: SessionId,
  a: Uint8Array,
  round2: ByParty<Pick<Round2, 'opening'>>,
): Agreement {
  const { backend, self } = session
  const publicShares = inOrder(round2, ({ opening }) => opening.A)
  const X = sumPoints(
    backend,
    publicShares.map((A) => backend.decode(A)),
  )
  if (backend.isIdentity(X)) throw new ProtocolAbort('UNATTRIBUTED', 2) // check K8
  const publicKey = backend.encode(X)
  const sound = shareHolds(backend, { self, secret: a, publicKey, publicShares })
  if (!sound) throw new ProtocolAbort('UNATTRIBUTED', 2) // check K8
  const chainCode = TH(backend, 'kg/cc', ssid, ...inOrder(round2, ({ opening }) => opening.cc))
  const seen = TH(backend, 'kg/conf', ...inOrder(round2, ({ opening }) => opening.bytes))
  const conf = TH(backend, 'kg/conf', ssid, seen, publicKey, ...publicShares, chainCode)
  return { publicKey, publicShares, chainCode, conf }
}
