import { createHash } from 'node:crypto'

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** Base58Check, as BIP-32 writes its keys. @throws if the checksum is wrong */
export function fromBase58Check(text: string, bytes: number): Uint8Array {
  let value = 0n
  for (const character of text) value = value * 58n + BigInt(ALPHABET.indexOf(character))
  const all = Buffer.from(value.toString(16).padStart(2 * (bytes + 4), '0'), 'hex')
  const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest()
  const body = all.subarray(0, bytes)
  if (!sha256(sha256(body)).subarray(0, 4).equals(all.subarray(bytes))) throw new Error('bad checksum')
  return Uint8Array.from(body)
}

/** The chain code and key of a serialised BIP-32 extended key. */
export function fromXpub(xpub: string): { readonly chainCode: Uint8Array; readonly publicKey: Uint8Array } {
  const bytes = fromBase58Check(xpub, 78)
  return { chainCode: bytes.slice(13, 45), publicKey: bytes.slice(45, 78) }
}
