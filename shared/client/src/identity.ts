import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import type { Rng } from '@tandem/rounds'
import { certificateBytes, type DeviceKey, toHex } from '@tandem/wire'
import { TandemError } from './errors.ts'

/** Who this device is: an Ed25519 key, and the X25519 key it certifies. Created once, kept in the vault. */
export type DeviceIdentity = {
  readonly identity: Uint8Array
  readonly exchange: Uint8Array
  readonly exchangeSecret: Uint8Array
  readonly certificate: Uint8Array
  readonly sign: (message: Uint8Array) => Uint8Array
}

/** Two 32-byte secrets: Ed25519 seed ‖ X25519 scalar. */
export const IDENTITY_BYTES = 64

export function createIdentity(random: Rng): Uint8Array {
  return random(IDENTITY_BYTES)
}

/** @throws {TandemError} `VAULT` for bytes of another length */
export function openIdentity(secrets: Uint8Array): DeviceIdentity {
  if (secrets.length !== IDENTITY_BYTES) throw new TandemError('VAULT', 'The device identity in the vault is damaged.')
  const seed = secrets.slice(0, 32)
  const exchangeSecret = secrets.slice(32)
  const exchange = x25519.getPublicKey(exchangeSecret)
  const sign = (message: Uint8Array) => ed25519.sign(message, seed)
  return {
    identity: ed25519.getPublicKey(seed),
    exchange,
    exchangeSecret,
    certificate: sign(certificateBytes(exchange)),
    sign,
  }
}

/** The public half, as a ticket request carries it. */
export function deviceKeyOf(device: DeviceIdentity): DeviceKey {
  return { identity: toHex(device.identity), exchange: toHex(device.exchange), certificate: toHex(device.certificate) }
}
