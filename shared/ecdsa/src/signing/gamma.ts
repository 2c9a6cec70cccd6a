import type { Rng } from '@tandem/rounds'
import type { Backend, Point } from '../math/backend.ts'
import { fromBytesBE, q } from '../math/scalar.ts'

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

/** λ of secp256k1's endomorphism: λ² + λ + 1 = 0 mod q, and λ·P costs one field multiplication. */
export const LAMBDA = 0x5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72n

/**
 * `χ·R_j = d^u·G + Γ^u` and `χ·pk_j = d^v·G + Γ^v`, both at once: the second times a random ρ added to the first. ρ is drawn
 * here, after the peer has sent everything.
 *
 * Source: docs/spec/sign.md, round 2, step 2.1.
 */
export function gammaHolds(backend: Backend, rng: Rng, { chi, R, pk, d, gammaU, gammaV }: GammaClaim): boolean {
  const rho = batchFactor(rng)
  const claimed = backend.mul(backend.add(R, backend.mulPublic(pk, rho)), chi)
  const ours = backend.mulBase((d[0] + rho * d[1]) % q)
  return backend.equal(claimed, backend.add(ours, backend.add(gammaU, backend.mulPublic(gammaV, rho))))
}

/**
 * ρ = ρ_0 + ρ_1·λ with 64 random bits each: 2^128 different values, since no combination of λ and 1 that short vanishes
 * mod q. At most one of them hides a false claim. Both backends split by λ, so it costs half of a 128-bit factor.
 */
function batchFactor(rng: Rng): bigint {
  const bytes = rng(16)
  return (fromBytesBE(bytes.subarray(0, 8)) + fromBytesBE(bytes.subarray(8)) * LAMBDA) % q
}
