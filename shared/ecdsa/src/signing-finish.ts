import { type PartyIndex, ProtocolAbort } from '@tandem/rounds'
import { gammaHolds } from './gamma.ts'
import { equalBytes, le16, split } from './math/bytes.ts'
import { TH } from './math/hash.ts'
import { decodePoint, sumPoints } from './math/points.ts'
import { decodeScalar, q } from './math/scalar.ts'
import { bobFinish, R2_BYTES } from './multiply/rvole.ts'
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

/** A peer's round 2, cut into fields; nothing is judged yet. */
type Fields = ReturnType<typeof fieldsOf>

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
export function finish(
  run: SigningRun,
  mine: Opening,
  admitted: ReadonlyMap<PartyIndex, Admitted>,
  answered: Answered,
  bodies: ReadonlyMap<PartyIndex, Uint8Array>,
): Nonce {
  const replies = run.peers.map(({ peer, bob }) => ({ peer, bob, ...fieldsOf(bodies.get(peer)!) }))
  if (!replies.every(({ bob, tag }) => equalBytes(tag, bob.tag))) throw new ProtocolAbort('MISMATCH', 2)
  if (!replies.every(({ echo }) => equalBytes(echo, answered.echo))) throw new ProtocolAbort('ECHO_MISMATCH', 2) // check S6

  const opens = ({ peer, salt, R }: (typeof replies)[number]) =>
    equalBytes(commitTo(run, peer, salt, R), admitted.get(peer)!.commitment)
  const liars = replies.filter((theirs) => !opens(theirs)).map(({ peer }) => peer)
  if (liars.length > 0) throw new ProtocolAbort('BAD_COMMITMENT', 2, liars) // check S7

  const accepted = replies.map((fields) => accept(run, mine, fields.peer, fields))
  const R = sumOfNonces(run, mine, answered, accepted)

  const mask = accepted.reduce((sum, { psi }) => sum + psi, mine.phi)
  const part = (input: bigint, at: 0 | 1) =>
    (input * mask + answered.c[at] + accepted.reduce((sum, { d }) => sum + d[at], 0n)) % q
  return {
    R,
    u: part(mine.r, 0),
    v: part(answered.sk, 1),
    phi: mine.phi,
    echo: echoOfOpenings(run, mine, answered, accepted, R),
  }
}

function fieldsOf(body: Uint8Array) {
  const [tag, echo, r2, gammaU, gammaV, psi, pk, R, salt] = split(body, 8, 32, R2_BYTES, 33, 33, 32, 33, 33, 32)
  return { tag, echo, r2, gammaU, gammaV, psi, pk, R, salt }
}

/** Encodings, multiplication and Γ of one peer: each names it. */
function accept(run: SigningRun, mine: Opening, peer: PartyIndex, fields: Fields): Accepted {
  const { backend, rng } = run
  const encodings = [fields.R, fields.pk, fields.gammaU, fields.gammaV]
  const [R, pk, gammaU, gammaV] = encodings.map((bytes) => decodePoint(backend, bytes))
  if (!R || !pk || !gammaU || !gammaV) throw new ProtocolAbort('BAD_ENCODING', 2, [peer]) // check S8
  const psi = decodeScalar(fields.psi)
  if (psi === undefined) throw new ProtocolAbort('BAD_ENCODING', 2, [peer]) // check S9

  const { chi, state } = mine.bobs.get(peer)!
  const product = bobFinish(backend, state, fields.r2)
  if ('fault' in product) throw new ProtocolAbort(product.fault, 2, [peer]) // check S9 S10

  const honest = gammaHolds(backend, rng, { chi, R, pk, d: product.d, gammaU, gammaV })
  if (!honest) throw new ProtocolAbort('BAD_GAMMA', 2, [peer]) // check S11 S12
  const encoded = { R: { point: R, bytes: fields.R }, pk: { point: pk, bytes: fields.pk } }
  return { peer, ...encoded, psi, d: product.d }
}

/** R = ΣR_j. @throws {ProtocolAbort} UNATTRIBUTED if it is the identity, or if Σpk_j is not X */
function sumOfNonces(run: SigningRun, mine: Opening, answered: Answered, accepted: readonly Accepted[]): Uint8Array {
  const { backend } = run
  const pk = sumPoints(backend, [answered.pk.point, ...accepted.map((theirs) => theirs.pk.point)])
  const R = sumPoints(backend, [mine.R.point, ...accepted.map((theirs) => theirs.R.point)])
  const X = backend.decode(run.key.share.publicKey)
  if (!backend.equal(pk, X)) throw new ProtocolAbort('UNATTRIBUTED', 2) // check S13
  if (backend.isIdentity(R)) throw new ProtocolAbort('UNATTRIBUTED', 2) // check S14
  return backend.encode(R)
}

/** E2: everybody opened to everybody the same way. */
function echoOfOpenings(
  run: SigningRun,
  mine: Opening,
  answered: Answered,
  accepted: readonly Accepted[],
  R: Uint8Array,
): Uint8Array {
  const all = [...accepted, { peer: run.self, R: mine.R, pk: answered.pk }]
  const opened = new Map(all.map(({ peer, R, pk }) => [peer, [le16(peer), R.bytes, pk.bytes]]))
  return TH(run.backend, 'sign/echo2', run.sid, ...run.signers.flatMap((j) => opened.get(j)!), R)
}
