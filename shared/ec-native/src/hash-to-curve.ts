import { fromBytesBE, hashToField, invertAll, isogeny, p, swuCandidates, toBytes32 } from '@tandem/ecdsa'
import type { Addon } from './addon.ts'

/** RFC 9380 secp256k1_XMD:SHA-256_SSWU_RO_, to 65 bytes. */
export function hashToCurve(
  addon: Addon,
  sha256: (data: Uint8Array) => Uint8Array,
  message: Uint8Array,
  domain: string,
): Uint8Array {
  const sum = new Uint8Array(65)
  const halves = mapToCurve(addon, hashToField(sha256, message, domain))
  if (addon.publicKeyCombine(sum, halves) !== 0) throw new RangeError('hashed to the identity')
  return sum
}

/**
 * The map of each field element, to 65 bytes. Where the portable map takes a square root on E′, this one applies the
 * isogeny to both candidates first and lets libsecp256k1 decompress the results: a candidate lies on E′ exactly if its
 * image lies on secp256k1, because y′ and Y differ by a rational factor.
 */
export function mapToCurve(addon: Addon, us: readonly bigint[]): Uint8Array[] {
  const candidates = us.flatMap(images)
  const inverses = invertAll(candidates.flatMap(({ denominator, yNum }) => [denominator, yNum]))
  const points = candidates.map((c, i) => lift(addon, (c.xNum * inverses[2 * i]!) % p, c.w3, inverses[2 * i + 1]!))
  return us.map((u, i) => signed(addon, u, points[2 * i] ?? points[2 * i + 1]!))
}

function images(u: bigint) {
  const { n1, n2, d } = swuCandidates(u)
  return [n1, n2].map((n) => {
    const { xNum, yNum, w } = isogeny(n, d)
    const ww = (w * w) % p
    return { xNum, yNum, denominator: (ww * d) % p, w3: (ww * w) % p }
  })
}

type Lifted = { readonly point: Uint8Array /** y on E′ that belongs to the even Y */; readonly y: bigint }

/** The point (X, even Y) if there is one, with y = Y·w³/yNum. */
function lift(addon: Addon, X: bigint, w3: bigint, yNumInverse: bigint): Lifted | undefined {
  const compressed = new Uint8Array(33)
  compressed[0] = 2
  compressed.set(toBytes32(X), 1)
  const point = new Uint8Array(65)
  if (addon.publicKeyConvert(point, compressed) !== 0) return undefined
  const Y = fromBytesBE(point.subarray(33))
  return { point, y: (((Y * w3) % p) * yNumInverse) % p }
}

/** sgn0(y) = sgn0(u) decides between the two. */
function signed(addon: Addon, u: bigint, { point, y }: Lifted): Uint8Array {
  const negated = new Uint8Array(65)
  addon.publicKeyNegate(negated, point)
  return (y & 1n) === (u & 1n) ? point : negated
}
