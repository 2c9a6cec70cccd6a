import { ed25519 } from '@noble/curves/ed25519.js'
import { certificateBytes } from './canonical.ts'

/** A device's public keys and the signature of one over the other, as bytes. */
export type DeviceCertificate = {
  /** Ed25519, 32 bytes */
  readonly identity: Uint8Array
  /** X25519, 32 bytes */
  readonly exchange: Uint8Array
  /** Ed25519 by `identity` over {@link certificateBytes}, 64 bytes */
  readonly certificate: Uint8Array
}

/** The signature with which an identity (32-byte Ed25519 seed) takes this X25519 key for its own. */
export function certifyExchangeKey(identitySecret: Uint8Array, exchange: Uint8Array): Uint8Array {
  return ed25519.sign(certificateBytes(exchange), identitySecret)
}

/** RFC 8032 strictly: noble's default, ZIP-215, also takes small-order identities, under which anything verifies. */
export function isCertified({ identity, exchange, certificate }: DeviceCertificate): boolean {
  if (identity.length !== 32 || exchange.length !== 32 || certificate.length !== 64) return false
  return ed25519.verify(certificate, certificateBytes(exchange), identity, { zip215: false })
}
