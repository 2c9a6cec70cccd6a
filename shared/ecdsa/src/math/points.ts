import type { Backend, Point } from './backend.ts'

/** Bytes of a point on the wire. */
export const POINT_BYTES = 33

/** A canonical point of a peer's, or undefined; never the identity, which has no encoding. */
export function decodePoint(backend: Backend, bytes: Uint8Array): Point | undefined {
  try {
    return backend.decode(bytes)
  } catch {
    return undefined
  }
}

export function sumPoints(backend: Backend, points: readonly Point[]): Point {
  return points.reduce((sum, P) => backend.add(sum, P), backend.identity)
}
