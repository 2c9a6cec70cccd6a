import { journal, type Once, type PartyIndex, type Protocol, ProtocolAbort } from '@tandem/rounds'
import type { Point } from '../math/backend.ts'
import { concat, equalBytes, le16, split } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { randomScalar } from '../math/scalar.ts'
import { type AliceState, aliceCheck, type BobState, bobStart, R1_BYTES } from '../multiply/rvole.ts'
import { directionId, type SigningRun } from './signing-session.ts'

/** tag ‖ com ‖ rv1 */
export const OFFER_BYTES = 8 + 32 + R1_BYTES

/** A point that is added here and hashed there: as 33 bytes too, so that it is encoded and decoded once. */
export type Encoded = { readonly point: Point; readonly bytes: Uint8Array }

/** What a party draws for a run and commits to. */
export type Opening = {
  /** r_i, its part of the nonce, and φ_i, its part of the mask */
  readonly r: bigint
  readonly phi: bigint
  /** R_i = r_i·G */
  readonly R: Encoded
  readonly salt: Uint8Array
  /** com_i, 32 bytes */
  readonly commitment: Uint8Array
  /** the multiplications in which we are Bob, by peer: χ_{i,j} and what is needed to finish */
  readonly bobs: ReadonlyMap<PartyIndex, { readonly chi: bigint; readonly state: Once<BobState> }>
}

/** A peer's round 1, after the OT check. */
export type Admitted = {
  readonly commitment: Uint8Array
  readonly alice: Once<AliceState>
}

/** com_i: bound to the run and to its author, so it can be neither replayed nor copied. Spec: sign, round 1. */
export function commitTo(run: SigningRun, author: PartyIndex, salt: Uint8Array, R: Uint8Array): Uint8Array {
  return TH(run.backend, 'sign/com', run.sid, le16(author), salt, R)
}

/** Round 1, sending. Source: docs/spec/sign.md, round 1. */
export function offer(run: SigningRun): { opening: Opening; messages: ReadonlyMap<PartyIndex, Uint8Array> } {
  const { backend, rng, self, peers } = run
  const r = randomScalar(rng)
  const phi = randomScalar(rng)
  const point = backend.mulBase(r)
  const R = { point, bytes: backend.encode(point) }
  const salt = rng(32)
  const commitment = commitTo(run, self, salt, R.bytes)

  const bobs = new Map<PartyIndex, { chi: bigint; state: Once<BobState> }>()
  const messages = new Map<PartyIndex, Uint8Array>()
  for (const { peer, bob } of peers) {
    const { r1, b, state } = bobStart(backend, bob.leaves, directionId(run, peer, self), rng)
    run.waiting.push(state)
    bobs.set(peer, { chi: b, state })
    messages.set(peer, concat(bob.tag, commitment, r1))
  }
  return { opening: { r, phi, R, salt, commitment, bobs }, messages }
}

/**
 * Round 1, receiving. The OT check of each peer depends on our long-lived Δ, so its slot is durable before the check and
 * the pass before anything follows from it.
 *
 * @throws {ProtocolAbort} MISMATCH if the pair was set up differently, SILENT_PEER, or BAD_OT_CHECK, on which the caller
 *         destroys the pair
 *
 * Source: docs/spec/sign.md, steps 1.1 and 1.2.
 */
export function* admit(
  run: SigningRun,
  bodies: ReadonlyMap<PartyIndex, Uint8Array>,
): Protocol<ReadonlyMap<PartyIndex, Admitted>> {
  const silent = run.peers.flatMap(({ peer }) => (bodies.has(peer) ? [] : peer))
  if (silent.length > 0) throw new ProtocolAbort('SILENT_PEER', 1, silent) // check S3

  const offers = run.peers.map((pair) => {
    const [tag, commitment, r1] = split(bodies.get(pair.peer)!, 8, 32, R1_BYTES)
    return { pair, tag, commitment, r1 }
  })
  if (!offers.every(({ pair, tag }) => equalBytes(tag, pair.alice.tag))) throw new ProtocolAbort('MISMATCH', 1)

  const admitted = new Map<PartyIndex, Admitted>()
  for (const { pair, commitment, r1 } of offers) {
    const { peer } = pair
    yield* journal({ entry: 'open', peer, run: run.sid }) // check S22
    const alice = aliceCheck(run.backend, pair.alice.leaves, directionId(run, run.self, peer), r1)
    if (alice === undefined) throw new ProtocolAbort('BAD_OT_CHECK', 1, [peer]) // check S5
    run.waiting.push(alice)
    yield* journal({ entry: 'pass', peer, run: run.sid }) // check S22
    admitted.set(peer, { commitment, alice })
  }
  return admitted
}
