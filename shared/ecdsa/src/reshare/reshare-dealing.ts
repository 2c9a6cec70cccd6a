import type { Rng } from '@tandem/rounds'
import type { Backend, Point } from '../math/backend.ts'
import { evaluate, evaluatePoints } from '../math/polynomial.ts'
import { sumPoints } from '../math/points.ts'
import { fromBytesBE, mod, randomScalar, toBytes32 } from '../math/scalar.ts'
import { committeeOf, deviceOf, isAdditive, type Sharing } from '../sharing.ts'

// How one secret is shared anew among n′ parties: a polynomial of degree t′−1, or n′ summands where t′ = n′. With a device
// the nodes share secret + δ, and the device takes δ off its share. Source: docs/spec/reshare.md, section 2.

/** What defines a dealing, 32 bytes each: coefficients of a polynomial, or one summand per node; then δ, if there is a device. */
export type Dealing = readonly Uint8Array[]

/** Points of a dealing: A_0, …, A_{t′−1}, or D_1, …, D_{n′}; then δ·G, if there is a device. */
export function publishedCount(sharing: Sharing): number {
  const { threshold, parties } = committeeOf(sharing)
  const nodes = isAdditive({ threshold, parties }) ? parties : threshold
  return deviceOf(sharing) === null ? nodes : nodes + 1
}

/** @param secret 1..q−1 */
export function deal(rng: Rng, sharing: Sharing, secret: bigint): Dealing {
  if (deviceOf(sharing) === null) return dealAmongNodes(rng, sharing, secret)
  const delta = randomScalar(rng)
  return [...dealAmongNodes(rng, committeeOf(sharing), mod(secret + delta)), toBytes32(delta)]
}

function dealAmongNodes(rng: Rng, sharing: Sharing, secret: bigint): Dealing {
  const random = Array.from({ length: publishedCount(sharing) - 1 }, () => randomScalar(rng))
  if (!isAdditive(sharing)) return [secret, ...random].map(toBytes32)
  const rest = mod(random.reduce((left, s) => left - s, secret))
  return [...random, rest].map(toBytes32)
}

/** What party j gets, 32 bytes: a node its part, the device δ. */
export function partOf(sharing: Sharing, dealing: Dealing, j: number): Uint8Array {
  if (j === deviceOf(sharing)) return dealing.at(-1)!.slice()
  return isAdditive(sharing) ? dealing[j - 1]!.slice() : evaluate(amongNodes(sharing, dealing), j)
}

/** The point of what is shared. */
export function constantOf(backend: Backend, sharing: Sharing, published: readonly Point[]): Point {
  const nodes = amongNodes(sharing, published)
  const constant = isAdditive(sharing) ? sumPoints(backend, nodes) : nodes[0]!
  return deviceOf(sharing) === null ? constant : backend.add(constant, backend.negate(published.at(-1)!))
}

/** The point of what party j gets. */
export function imageOf(backend: Backend, sharing: Sharing, published: readonly Point[], j: number): Point {
  if (j === deviceOf(sharing)) return published.at(-1)!
  return isAdditive(sharing) ? published[j - 1]! : evaluatePoints(backend, amongNodes(sharing, published), j)
}

function amongNodes<T>(sharing: Sharing, dealt: readonly T[]): readonly T[] {
  return deviceOf(sharing) === null ? dealt : dealt.slice(0, -1)
}

export function publish(backend: Backend, dealing: Dealing): readonly Uint8Array[] {
  return dealing.map((secret) => backend.encode(backend.mulBase(fromBytesBE(secret))))
}
