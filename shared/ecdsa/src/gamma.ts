import type { Rng } from '@tandem/rounds'
import type { Backend, Point } from './math/backend.ts'
import { fromBytesBE, q } from './math/scalar.ts'

/** One peer's part in a multiplication as we, Bob, can check it in the exponent. Points are the peer's, scalars ours. */
export type GammaClaim = {
  /** χ, our random input of the multiplication */
  readonly chi: bigint
  /** the peer's R_j and pk_j: its two inputs, times G */
  readonly R: Point
  readonly pk: Point
  /** d^u, d^v: our outputs */
  readonly d: readonly [bigint, bigint]
  /** Γ^u, Γ^v: its outputs, times G */
  readonly gammaU: Point
  readonly gammaV: Point
}

/**
 * `χ·R_j = d^u·G + Γ^u` and `χ·pk_j = d^v·G + Γ^v`, both at once: the second times a random ρ < 2^128 added to the first.
 * ρ is drawn here, after the peer has sent everything, so a false claim passes with probability 2^−128.
 *
 * Source: docs/spec/sign.md, round 2, step 2.1.
 */
export function gammaHolds(backend: Backend, rng: Rng, { chi, R, pk, d, gammaU, gammaV }: GammaClaim): boolean {
  const rho = fromBytesBE(rng(16))
  const claimed = backend.mul(backend.add(R, backend.mulPublic(pk, rho)), chi)
  const ours = backend.mulBase((d[0] + rho * d[1]) % q)
  return backend.equal(claimed, backend.add(ours, backend.add(gammaU, backend.mulPublic(gammaV, rho))))
}
