/**
 * secp256k1 from the textbook, in affine BigInt: slow, variable-time, and written without a look at what it checks.
 * undefined is the identity.
 */

export const p = 2n ** 256n - 2n ** 32n - 977n
export const q = 2n ** 256n - 0x14551231950b75fc4402da1732fc9bebfn

export type AffinePoint = { readonly x: bigint; readonly y: bigint } | undefined

export const G: AffinePoint = {
  x: 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
  y: 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n,
}

/** a mod m, in 0..m−1 */
export function residue(a: bigint, m: bigint): bigint {
  return ((a % m) + m) % m
}

/** a⁻¹ mod m by the extended Euclidean algorithm. */
export function inverse(a: bigint, m: bigint): bigint {
  let [r0, r1, s0, s1] = [m, residue(a, m), 0n, 1n]
  while (r1 !== 0n) [r0, r1, s0, s1] = [r1, r0 % r1, s1, s0 - (r0 / r1) * s1]
  return residue(s0, m)
}

export function plus(P: AffinePoint, Q: AffinePoint): AffinePoint {
  if (P === undefined) return Q
  if (Q === undefined) return P
  if (P.x === Q.x && residue(P.y + Q.y, p) === 0n) return undefined
  const slope = P.x === Q.x ? 3n * P.x * P.x * inverse(2n * P.y, p) : (Q.y - P.y) * inverse(Q.x - P.x, p)
  const x = residue(slope * slope - P.x - Q.x, p)
  return { x, y: residue(slope * (P.x - x) - P.y, p) }
}

export function times(k: bigint, P: AffinePoint): AffinePoint {
  let sum: AffinePoint
  let power = P
  for (let rest = residue(k, q); rest > 0n; rest /= 2n) {
    if (rest % 2n === 1n) sum = plus(sum, power)
    power = plus(power, power)
  }
  return sum
}

/** 33 bytes, compressed. */
export function compressed(P: AffinePoint): Uint8Array {
  if (P === undefined) throw new Error('the identity has no encoding')
  return Uint8Array.from(Buffer.from((P.y % 2n === 1n ? '03' : '02') + P.x.toString(16).padStart(64, '0'), 'hex'))
}

/** The point of 33 compressed bytes. @throws if there is none */
export function decompressed(bytes: Uint8Array): AffinePoint {
  const x = BigInt(`0x${Buffer.from(bytes.subarray(1)).toString('hex')}`)
  const square = residue(x ** 3n + 7n, p)
  const root = power(square, (p + 1n) / 4n)
  if (bytes.length !== 33 || x >= p || residue(root * root, p) !== square) throw new Error('not a point')
  return { x, y: root % 2n === BigInt(bytes[0]! & 1) ? root : p - root }
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let [b, e] = [base, exponent]; e > 0n; e /= 2n, b = (b * b) % p) if (e % 2n === 1n) result = (result * b) % p
  return result
}
