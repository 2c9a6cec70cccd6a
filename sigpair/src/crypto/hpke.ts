import { WireError } from '@tandem/wire'
import { openssl } from './x25519.ts'

/** What HPKE gives: the encapsulated key, 32 bytes, and the ciphertext with its tag. */
export type HpkeSealed = { readonly enc: Uint8Array; readonly ciphertext: Uint8Array }

/**
 * RFC 9180, base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, no associated data. Loaded on first use:
 * an export is rare.
 *
 * @param recipient X25519, 32 bytes
 */
export async function hpkeSeal(recipient: Uint8Array, plaintext: Uint8Array, info: Uint8Array): Promise<HpkeSealed> {
  const suite = await hpkeSuite()
  const publicKey = await suite.DeserializePublicKey(recipient)
  const { encapsulatedSecret: enc, ciphertext } = await suite.Seal(publicKey, plaintext, { info })
  return { enc, ciphertext }
}

/** The suite of every export. Source: docs/spec/flows.md 11.2. */
export async function hpkeSuite() {
  const [{ CipherSuite }, noble] = await Promise.all([import('hpke'), import('@panva/hpke-noble')])
  const { KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_ChaCha20Poly1305 } = noble
  return new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_ChaCha20Poly1305)
}

/**
 * Refuses a key of low order: with it everybody knows the shared secret.
 *
 * @throws {WireError} `VALIDATION_FAILED`
 *
 * Source: RFC 7748, section 6.1; RFC 9180, 7.1.4.
 */
export function requireExchangeKey(publicKey: Uint8Array, field: string): void {
  try {
    openssl.sharedSecret(PROBE, publicKey)
  } catch (cause) {
    throw new WireError('VALIDATION_FAILED', `${field}: not an X25519 key`, { cause })
  }
}

/** Any scalar: after clamping it is a multiple of eight, which is what low order means. */
const PROBE = new Uint8Array(32).fill(1)
