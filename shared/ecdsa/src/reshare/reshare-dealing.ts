import type { Rng } from '@tandem/rounds'
import type { Backend, Point } from '../math/backend.ts'
import { evaluate, evaluatePoints } from '../math/polynomial.ts'
import { sumPoints } from '../math/points.ts'
import { fromBytesBE, mod, randomScalar, toBytes32 } from '../math/scalar.ts'
import { isAdditive, type Sharing } from '../sharing.ts'

// How one secret is shared anew among n′ parties: a polynomial of degree t′−1, or n′ summands where t′ = n′.
// Source: docs/spec/reshare.md, section 2.

/** What defines a dealing, 32 bytes each: coefficients of a polynomial, or one summand per party. Secret. */
export type Dealing = readonly Uint8Array[]

/** Points of a dealing: A_0, …, A_{t′−1}, or D_1, …, D_{n′}. */
export function publishedCount({ threshold, parties }: Sharing): number {
  return isAdditive({ threshold, parties }) ? parties : threshold
}

/** @param secret 1..q−1 */
export function deal(rng: Rng, sharing: Sharing, secret: bigint): Dealing {
  const random = Array.from({ length: publishedCount(sharing) - 1 }, () => randomScalar(rng))
  if (!isAdditive(sharing)) return [secret, ...random].map(toBytes32)
  const rest = mod(random.reduce((left, s) => left - s, secret))
  return [...random, rest].map(toBytes32)
}

/** What party j gets, 32 bytes. */
export function partOf(sharing: Sharing, dealing: Dealing, j: number): Uint8Array {
  return isAdditive(sharing) ? dealing[j - 1]!.slice() : evaluate(dealing, j)
}

/** The point of what is shared. */
export function constantOf(backend: Backend, sharing: Sharing, published: readonly Point[]): Point {
  return isAdditive(sharing) ? sumPoints(backend, published) : published[0]!
}

/** The point of what party j gets. */
export function imageOf(backend: Backend, sharing: Sharing, published: readonly Point[], j: number): Point {
  return isAdditive(sharing) ? published[j - 1]! : evaluatePoints(backend, published, j)
}

export function publish(backend: Backend, dealing: Dealing): readonly Uint8Array[] {
  return dealing.map((secret) => backend.encode(backend.mulBase(fromBytesBE(secret))))
}
