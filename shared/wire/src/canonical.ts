import type { Intent } from './api.ts'
import type { RotationRecord } from './api-keys.ts'

/** JSON with keys in code-unit order and no space: one text for one value. Only plain data; throws on anything else. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object') {
    const fields = Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${fields.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(',')}}`
  }
  throw new TypeError(`no canonical JSON for ${typeof value}`)
}

/** UTF-8 without TextEncoder, which JavaScriptCore lacks. */
export function utf8(text: string): Uint8Array {
  const escaped = encodeURIComponent(text)
  const out: number[] = []
  for (let i = 0; i < escaped.length; i++) {
    if (escaped[i] === '%') {
      out.push(Number.parseInt(escaped.slice(i + 1, i + 3), 16))
      i += 2
    } else out.push(escaped.charCodeAt(i))
  }
  return Uint8Array.from(out)
}

/** Text of UTF-8 bytes. @throws {URIError} for malformed UTF-8 */
export function fromUtf8(bytes: Uint8Array): string {
  let escaped = ''
  for (const b of bytes) escaped += `%${b.toString(16).padStart(2, '0')}`
  return decodeURIComponent(escaped)
}

/** What a device signs for a commit: label ‖ canonical JSON of every field but the signature. Spec: docs/spec/flows.md. */
export function intentBytes(intent: Omit<Intent, 'signature'>): Uint8Array {
  const { op, keyId, epoch, bodyHash, nonce, expiry } = intent
  return utf8(`tandem/intent/v1\n${canonicalJson({ op, keyId, epoch, bodyHash, nonce, expiry })}`)
}

/** What Sigpair signs of a rotation: label ‖ canonical JSON of every field but the signature. */
export function rotationBytes(record: Omit<RotationRecord, 'signature'>): Uint8Array {
  const { keyId, publicKey, from, to, stageId, reason, at } = record
  return utf8(`tandem/rotation/v1\n${canonicalJson({ keyId, publicKey, from, to, stageId, reason, at })}`)
}

/** What a device signs over its X25519 key. */
export function certificateBytes(exchange: Uint8Array): Uint8Array {
  const label = utf8('tandem/device/x25519/v1')
  const out = new Uint8Array(label.length + exchange.length)
  out.set(label)
  out.set(exchange, label.length)
  return out
}
