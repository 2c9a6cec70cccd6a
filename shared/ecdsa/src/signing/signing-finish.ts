import { type PartyIndex, ProtocolAbort } from '@tandem/rounds'
import { gammaHolds } from './gamma.ts'
import { equalBytes, le16, split } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { decodePoint, sumPoints } from '../math/points.ts'
import { decodeScalar, q } from '../math/scalar.ts'
import { bobFinish, R2_BYTES } from '../multiply/rvole.ts'
import { type Admitted, commitTo, type Encoded, type Opening } from './signing-offer.ts'
import type { Answered } from './signing-reply.ts'
import type { SigningRun } from './signing-session.ts'

/** One party's part of a nonce k = Σr: additive parts of kφ and xφ under a mask φ = Σφ_i nobody knows. */
export type Nonce = {
  /** R = k·G, 33 bytes */
  readonly R: Uint8Array
  readonly u: bigint
  readonly v: bigint
  readonly phi: bigint
  /** E2, 32 bytes: what the others must have seen too */
  readonly echo: Uint8Array
}

/** Where a run stands when round 2 arrives. */
export type Halfway = {
  readonly run: SigningRun
  readonly mine: Opening
  readonly admitted: ReadonlyMap<PartyIndex, Admitted>
  readonly answered: Answered
}

/** A peer's round 2, cut into fields; nothing is judged yet. */
type Reply = ReturnType<typeof fieldsOf> & { readonly peer: PartyIndex }

/** A peer's round 2, found good, with our outputs as Bob. */
type Accepted = {
  readonly peer: PartyIndex
  readonly R: Encoded
  readonly pk: Encoded
  readonly psi: bigint
  readonly d: readonly [bigint, bigint]
}

/**
 * Round 2, receiving. The order of the checks is part of the protocol: benign differences first, so that honest parties
 * never accuse each other.
 *
 * @throws {ProtocolAbort} MISMATCH, ECHO_MISMATCH, BAD_COMMITMENT, BAD_ENCODING, BAD_MULTIPLICATION, BAD_GAMMA,
 *         UNATTRIBUTED
 *
 * Source: docs/spec/sign.md, steps 2.1 and 2.2.
 */
export function finish(halfway: Halfway, bodies: ReadonlyMap<PartyIndex, Uint8Array>): Nonce {
  const { run, mine, answered } = halfway
  const replies = run.peers.map(({ peer }) => ({ peer, ...fieldsOf(bodies.get(peer)!) }))
  checkOpenings(halfway, replies)
  const accepted = replies.map((reply) => accept(run, mine, reply))

  const R = sumOfNonces(halfway, accepted)
  const mask = accepted.reduce((sum, { psi }) => sum + psi, mine.phi)
  const products = (at: 0 | 1) => accepted.reduce((sum, { d }) => sum + d[at], answered.c[at])
  return {
    R,
    u: (mine.r * mask + products(0)) % q,
    v: (answered.sk * mask + products(1)) % q,
    phi: mine.phi,
    echo: echoOfOpenings(halfway, accepted, R),
  }
}

function fieldsOf(body: Uint8Array) {
  const [tag, echo, r2, gammaU, gammaV, psi, pk, R, salt] = split(body, 8, 32, R2_BYTES, 33, 33, 32, 33, 33, 32)
  return { tag, echo, r2, gammaU, gammaV, psi, pk, R, salt }
}

/** What all peers say of round 1 must be what they said in it. */
function checkOpenings({ run, admitted, answered }: Halfway, replies: readonly Reply[]): void {
  const tagged = replies.every(({ tag }, at) => equalBytes(tag, run.peers[at]!.bob.tag))
  if (!tagged) throw new ProtocolAbort('MISMATCH', 2)
  const echoed = replies.every(({ echo }) => equalBytes(echo, answered.echo))
  if (!echoed) throw new ProtocolAbort('ECHO_MISMATCH', 2) // check S6

  const opens = ({ peer, salt, R }: Reply) => equalBytes(commitTo(run, peer, salt, R), admitted.get(peer)!.commitment)
  const liars = replies.filter((reply) => !opens(reply)).map(({ peer }) => peer)
  if (liars.length > 0) throw new ProtocolAbort('BAD_COMMITMENT', 2, liars) // check S7
}

/** Encodings, multiplication and Γ of one peer: each names it. */
function accept({ backend, rng }: SigningRun, mine: Opening, reply: Reply): Accepted {
  const { peer } = reply
  const encodings = [reply.R, reply.pk, reply.gammaU, reply.gammaV]
  const [R, pk, gammaU, gammaV] = encodings.map((bytes) => decodePoint(backend, bytes))
  if (!R || !pk || !gammaU || !gammaV) throw new ProtocolAbort('BAD_ENCODING', 2, [peer]) // check S8
  const psi = decodeScalar(reply.psi)
  if (psi === undefined) throw new ProtocolAbort('BAD_ENCODING', 2, [peer]) // check S9

  const { chi, state } = mine.bobs.get(peer)!
  const product = bobFinish(backend, state, reply.r2)
  if ('fault' in product) throw new ProtocolAbort(product.fault, 2, [peer]) // check S9 S10

  const honest = gammaHolds(backend, rng, { chi, R, pk, d: product.d, gammaU, gammaV })
  if (!honest) throw new ProtocolAbort('BAD_GAMMA', 2, [peer]) // check S11 S12
  return { peer, R: { point: R, bytes: reply.R }, pk: { point: pk, bytes: reply.pk }, psi, d: product.d }
}

/** R = ΣR_j. @throws {ProtocolAbort} UNATTRIBUTED if it is the identity, or if Σpk_j is not X */
function sumOfNonces({ run, mine, answered }: Halfway, accepted: readonly Accepted[]): Uint8Array {
  const { backend, key } = run
  const pk = sumPoints(backend, [answered.pk.point, ...accepted.map((theirs) => theirs.pk.point)])
  const R = sumPoints(backend, [mine.R.point, ...accepted.map((theirs) => theirs.R.point)])
  const X = backend.decode(key.share.publicKey)
  if (!backend.equal(pk, X)) throw new ProtocolAbort('UNATTRIBUTED', 2) // check S13
  if (backend.isIdentity(R)) throw new ProtocolAbort('UNATTRIBUTED', 2) // check S14
  return backend.encode(R)
}

/** E2: everybody opened to everybody the same way. */
function echoOfOpenings({ run, mine, answered }: Halfway, accepted: readonly Accepted[], R: Uint8Array): Uint8Array {
  const all = [...accepted, { peer: run.self, R: mine.R, pk: answered.pk }]
  const opened = new Map(all.map(({ peer, R, pk }) => [peer, [le16(peer), R.bytes, pk.bytes]]))
  return TH(run.backend, 'sign/echo2', run.sid, ...run.signers.flatMap((j) => opened.get(j)!), R)
}
