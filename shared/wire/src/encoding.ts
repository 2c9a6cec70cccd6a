import { WireError } from './errors.ts'

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

export function toHex(bytes: Uint8Array): string {
  let out = '0x'
  for (const b of bytes) out += HEX[b]
  return out
}

/** @throws {WireError} `VALIDATION_FAILED` unless `text` is 0x and an even number of hex digits */
export function fromHex(text: string): Uint8Array {
  if (!/^0x([0-9a-fA-F]{2})*$/.test(text)) throw new WireError('VALIDATION_FAILED', 'not 0x-hex')
  return Uint8Array.from({ length: text.length / 2 - 1 }, (_, i) =>
    Number.parseInt(text.slice(2 + 2 * i, 4 + 2 * i), 16),
  )
}

/** base64url without padding. */
export function toBase64url(bytes: Uint8Array): string {
  let out = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const n = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    out += ALPHABET[n >>> 18]! + ALPHABET[(n >>> 12) & 63]!
    if (left > 1) out += ALPHABET[(n >>> 6) & 63]!
    if (left > 2) out += ALPHABET[n & 63]!
  }
  return out
}

/** @throws {WireError} `VALIDATION_FAILED` for padding, foreign characters, or bits that are left over */
export function fromBase64url(text: string): Uint8Array {
  const out = new Uint8Array(Math.floor((text.length * 3) / 4))
  let bits = 0
  let have = 0
  let at = 0
  for (const c of text) {
    const v = ALPHABET.indexOf(c)
    if (v < 0) throw new WireError('VALIDATION_FAILED', 'not base64url')
    bits = ((bits << 6) | v) & 0xfff
    have += 6
    if (have >= 8) {
      have -= 8
      out[at++] = (bits >>> have) & 0xff
    }
  }
  if (text.length % 4 === 1 || (bits & ((1 << have) - 1)) !== 0)
    throw new WireError('VALIDATION_FAILED', 'not base64url')
  return out
}
