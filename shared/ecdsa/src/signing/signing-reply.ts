import type { PartyIndex } from '@tandem/rounds'
import { concat, le16 } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { mod, toBytes32 } from '../math/scalar.ts'
import { aliceRespond, R2_BYTES } from '../multiply/rvole.ts'
import type { Admitted, Encoded, Opening } from './signing-offer.ts'
import { sessionShare, type SigningRun } from './signing-session.ts'

/** tag ‖ E1 ‖ rv2 ‖ Γ^u ‖ Γ^v ‖ ψ ‖ pk ‖ R ‖ salt */
export const REPLY_BYTES = 8 + 32 + R2_BYTES + 33 + 33 + 32 + 33 + 33 + 32

/** What a party keeps from making its round 2. */
export type Answered = {
  /** E1 over every commitment, ours included */
  readonly echo: Uint8Array
  /** sk_i and pk_i = sk_i·G */
  readonly sk: bigint
  readonly pk: Encoded
  /** Σ_j c^u_{i,j} and Σ_j c^v_{i,j}: our outputs as Alice */
  readonly c: readonly [bigint, bigint]
}

/** Round 2, sending. Source: docs/spec/sign.md, round 2. */
export function reply(
  run: SigningRun,
  mine: Opening,
  admitted: ReadonlyMap<PartyIndex, Admitted>,
): { answered: Answered; messages: ReadonlyMap<PartyIndex, Uint8Array> } {
  const { backend, rng, peers } = run
  const echo = echoOfCommitments(run, mine, admitted)
  const sk = sessionShare(run)
  const products = peers.map(({ peer }) => aliceRespond(backend, admitted.get(peer)!.alice, [mine.r, sk], rng))

  const points = [sk, ...products.flatMap(({ c }) => c)].map((k) => backend.mulBase(k))
  const [encodedPk, ...gammas] = backend.encodeAll(points)
  const pk = { point: points[0]!, bytes: encodedPk! }
  const messages = new Map<PartyIndex, Uint8Array>()
  for (const [at, { peer, alice }] of peers.entries()) {
    const psi = toBytes32(mod(mine.phi - mine.bobs.get(peer)!.chi))
    const gamma = concat(gammas[2 * at]!, gammas[2 * at + 1]!)
    messages.set(peer, concat(alice.tag, echo, products[at]!.r2, gamma, psi, pk.bytes, mine.R.bytes, mine.salt))
  }
  const sum = (index: 0 | 1) => products.reduce((total, { c }) => total + c[index], 0n)
  return { answered: { echo, sk, pk, c: [sum(0), sum(1)] }, messages }
}

/** E1: whoever sent two commitments, or waited for another's round 2, is found before anything depends on it. */
function echoOfCommitments(run: SigningRun, mine: Opening, admitted: ReadonlyMap<PartyIndex, Admitted>): Uint8Array {
  const commitmentOf = (j: PartyIndex) => admitted.get(j)?.commitment ?? mine.commitment
  return TH(run.backend, 'sign/echo1', run.sid, ...run.signers.flatMap((j) => [le16(j), commitmentOf(j)]))
}
