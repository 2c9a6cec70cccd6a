import { canonicalJson, toBase64url, utf8 } from '@tandem/wire'
import { sha256 } from '../crypto/hash.ts'

/**
 * The id of something that its own facts name: who asks for the same again gets the same id. 128 bits of SHA-256; not secret.
 *
 * @param prefix what it is: `exp`, `rst`, `bak`
 */
export function namedBy(prefix: 'exp' | 'rst' | 'bak', ...facts: readonly string[]): string {
  const names = facts.map((fact) => fact.toLowerCase())
  return `${prefix}_${toBase64url(sha256(utf8(canonicalJson(['tandem-id/1', prefix, ...names]))).slice(0, 16))}`
}
