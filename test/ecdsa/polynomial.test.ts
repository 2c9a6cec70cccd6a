import { fromBytesBE, q, toBytes32 } from '@tandem/ecdsa'
import * as fc from 'fast-check'
import {
  evaluate,
  evaluatePoints,
  interpolatePoints,
  interpolationWeight,
} from '../../shared/ecdsa/src/math/polynomial.ts'
import { areSharesOf } from '../../shared/ecdsa/src/sharing.ts'
import { backends, fast } from '../helpers/backends.ts'
import { compressed, decompressed, G, times } from '../helpers/reference/curve.ts'
import { basisAt, imageAt, interpolated, subsets, valueAt } from '../helpers/reference/shamir.ts'

const scalar = fc.bigInt({ min: 1n, max: q - 1n })
const coefficients = fc.array(scalar, { minLength: 1, maxLength: 6 })
const index = fc.integer({ min: 0, max: 32 })
const points = (values: readonly bigint[]) => values.map((k) => fast.mulBase(k))

test('a polynomial has the values the slow reference says', () => {
  fc.assert(
    fc.property(coefficients, index, (a, x) => {
      expect(fromBytesBE(evaluate(a.map(toBytes32), x))).toBe(valueAt(a, x))
    }),
  )
})

test('a weight is the value of Lagrange’s basis', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 32 }), { minLength: 2, maxLength: 8 }), index, (S, x) => {
      for (const i of S) expect(interpolationWeight(i, S, x)).toBe(basisAt(i, S, x))
    }),
  )
})

test('the known weights of {1, 2, 3} and {2, 5} at zero', () => {
  expect([1, 2, 3].map((i) => interpolationWeight(i, [1, 2, 3], 0))).toEqual([3n, q - 3n, 1n])
  const third = interpolationWeight(2, [2, 5], 0)
  expect((third * 3n) % q).toBe(5n)
  expect((third + interpolationWeight(5, [2, 5], 0)) % q).toBe(1n)
})

test.each(backends)('in the exponent too, on $name', (backend) => {
  const a = [5n, q - 7n, 11n, 2n ** 200n]
  const A = a.map((k) => backend.mulBase(k))
  const reference = a.map((k) => times(k, G))
  for (const x of [0, 1, 2, 7, 32]) {
    const image = backend.encode(evaluatePoints(backend, A, x))
    expect(image).toEqual(compressed(imageAt(reference, x)))
    expect(decompressed(image)).toEqual(times(valueAt(a, x), G))
  }
  const values = new Map([1, 4, 9, 16].map((x) => [x, backend.mulBase(valueAt(a, x))]))
  expect(backend.encode(interpolatePoints(backend, values, 0))).toEqual(backend.encode(backend.mulBase(5n)))
})

test('a polynomial that is zero, or whose terms cancel, has the identity as its image', () => {
  expect(fast.isIdentity(evaluatePoints(fast, [], 3))).toBe(true)
  expect(fast.isIdentity(evaluatePoints(fast, points([q - 3n, 1n]), 3))).toBe(true)
  expect(evaluate([toBytes32(q - 3n), toBytes32(1n)], 3)).toEqual(new Uint8Array(32))
})

test('any t values give the secret, t − 1 fit every secret', () => {
  const a = [42n, 7n, q - 1n]
  const values = [1, 2, 3, 4, 5].map((x): [number, bigint] => [x, valueAt(a, x)])
  for (const three of subsets(values, 3)) expect(interpolated(new Map(three), 0)).toBe(42n)
  for (const two of subsets(values, 2)) {
    for (const secret of [0n, 1n, 42n, q - 1n]) {
      const fits = interpolated(new Map([[0, secret], ...two]), 6)
      expect(interpolated(new Map([...two, [6, fits]]), 0)).toBe(secret)
    }
  }
})

describe('points are shares of X', () => {
  const a = [42n, 7n, 5n]
  const X = fast.mulBase(42n)
  const shares = points([1, 2, 3, 4, 5].map((x) => valueAt(a, x)))

  test('if they lie on one polynomial of degree t − 1 with X at zero', () => {
    expect(areSharesOf(fast, { threshold: 3 }, X, shares)).toBe(true)
    expect(areSharesOf(fast, { threshold: 4 }, X, shares)).toBe(true)
    expect(areSharesOf(fast, { threshold: 2 }, X, shares)).toBe(false)
    expect(areSharesOf(fast, { threshold: 3 }, fast.mulBase(43n), shares)).toBe(false)
  })

  test('and not if any one of them is another, or two have changed places', () => {
    for (const at of shares.keys())
      expect(areSharesOf(fast, { threshold: 3 }, X, shares.with(at, fast.mulBase(9n)))).toBe(false)
    expect(areSharesOf(fast, { threshold: 3 }, X, shares.toReversed())).toBe(false)
  })

  test('if they add up to it where all must sign', () => {
    expect(areSharesOf(fast, { threshold: 2 }, X, points([40n, 2n]))).toBe(true)
    expect(areSharesOf(fast, { threshold: 2 }, X, points([40n, 3n]))).toBe(false)
  })

  test('and never below two parties, or with more signers than parties', () => {
    expect(areSharesOf(fast, { threshold: 1 }, X, [X, X])).toBe(false)
    expect(areSharesOf(fast, { threshold: 3 }, X, shares.slice(0, 2))).toBe(false)
  })
})
