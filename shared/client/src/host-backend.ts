import { secp256k1 } from '@noble/curves/secp256k1.js'
import { type Backend, noble, type Point } from '@tandem/ecdsa'

/**
 * What a host with a native library may lend: scalar·point on secp256k1, in constant time, at once.
 *
 * @param point  65 bytes, uncompressed SEC1
 * @param scalar 32 bytes, 1..q−1, a secret
 * @returns 65 bytes
 */
export type Multiply = (point: Uint8Array, scalar: Uint8Array) => Uint8Array

const Curve = secp256k1.Point
type CurvePoint = InstanceType<typeof Curve>

// The points are noble's own, so that everything but multiplication is too.
const inside = (P: Point) => P as unknown as CurvePoint
const outside = (P: CurvePoint) => P as unknown as Point

const G = Curve.BASE.toBytes(false)

/**
 * noble with a host's multiplication by secrets, which is what key generation spends its time on; for phones, where JavaScript is
 * slow. Same results.
 */
export function backendWith(multiply: Multiply): Backend {
  const times = (point: Uint8Array, k: bigint): Point => {
    if (k === 0n) return noble.identity
    const scalar = Curve.Fn.toBytes(k)
    try {
      // fromBytes checks that it is on the curve: a broken host must not choose our points
      return outside(Curve.fromBytes(multiply(point, scalar)))
    } finally {
      scalar.fill(0)
    }
  }
  const multiplier = (P: Point): ((k: bigint) => Point) => {
    if (noble.isIdentity(P)) return () => noble.identity
    const point = inside(P).toBytes(false)
    return (k) => times(point, k)
  }
  return {
    ...noble,
    name: 'native',
    mulBase: (k) => times(G, k),
    mul: (P, k) => multiplier(P)(k),
    fixed: multiplier,
  }
}
