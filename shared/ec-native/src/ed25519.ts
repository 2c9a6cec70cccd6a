import { createPublicKey, verify } from 'node:crypto'

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const P25519 = 2n ** 255n - 19n

/** y of the points of order 1, 2, 4 and 8; none is anybody's key. */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P25519 - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
])

/** RFC 8032 as the portable backend checks it: OpenSSL, after the keys it is too lenient with are refused. */
export function ed25519Verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false
  const littleEndianY = publicKey.slice().reverse()
  littleEndianY[0]! &= 0x7f
  const y = BigInt(`0x${Buffer.from(littleEndianY).toString('hex')}`)
  if (y >= P25519 || SMALL_ORDER_Y.has(y)) return false
  try {
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' })
    return verify(null, message, key, signature)
  } catch {
    return false
  }
}
