import { native } from '@tandem/ec-native'
import { type Backend, noble, type Point } from '@tandem/ecdsa'

/** libsecp256k1 where it loads, noble elsewhere: for tests that are not about the backend. */
export const fast: Backend = native() ?? noble

/** Every backend this machine can run. */
export const backends: readonly Backend[] = [noble, native()].filter((backend) => backend !== undefined)

/**
 * The same backend, remembering its multiplications and maps to the curve: deterministic runs that differ in one
 * message then cost what that message changes.
 */
export function remembering(backend: Backend): Backend {
  const hashed = new Map<string, Point>()
  const products = new Map<string, Point>()
  const mul = (P: Point, k: bigint) => {
    if (backend.isIdentity(P)) return P
    const name = `${Buffer.from(backend.encode(P)).toString('latin1')} ${k}`
    return remember(products, name, () => backend.mul(P, k))
  }
  return {
    ...backend,
    mul,
    fixed: (P) => (k) => mul(P, k),
    mulBase: (k) => remember(products, `${k}`, () => backend.mulBase(k)),
    hashToCurve(message, domain) {
      const name = `${Buffer.from(message).toString('latin1')} ${domain}`
      return remember(hashed, name, () => backend.hashToCurve(message, domain))
    },
  }
}

function remember(known: Map<string, Point>, name: string, make: () => Point): Point {
  const value = known.get(name) ?? make()
  known.set(name, value)
  return value
}
