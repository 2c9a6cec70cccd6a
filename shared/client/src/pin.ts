import { type CloudPublicKeyResponse, fromHex } from '@tandem/wire'
import { TandemError } from './errors.ts'

/** Sigpair's two long-lived public keys. An app is built with them. */
export type Pin = {
  /** X25519, 0x-hex: the encrypted channel */
  readonly publicKey: string
  /** Ed25519, 0x-hex: party 2 of every key, signs receipts */
  readonly identity: string
}

/** Trust whatever the server says the first time: for local runs only. */
export const TRUST_ON_FIRST_USE = 'trust-on-first-use'

export type PinnedKeys = { readonly exchange: Uint8Array; readonly identity: Uint8Array }

/**
 * @param baseUrl first-use trust is refused unless this is a loopback address
 * @throws {TandemError} `PIN_MISMATCH` when the server has other keys than the pinned ones
 */
export function checkPin(
  pin: Pin | typeof TRUST_ON_FIRST_USE,
  offered: CloudPublicKeyResponse,
  baseUrl: string,
): PinnedKeys {
  if (pin === TRUST_ON_FIRST_USE) {
    if (!isLoopback(baseUrl)) {
      throw new TandemError(
        'PIN_MISMATCH',
        'Trust on first use is for loopback only: build the app with the keys of your Sigpair.',
      )
    }
  } else if (!same(pin.publicKey, offered.publicKey) || !same(pin.identity, offered.identity)) {
    throw new TandemError(
      'PIN_MISMATCH',
      'This server does not have the Sigpair keys this app was built with; nothing was sent.',
    )
  }
  return { exchange: fromHex(offered.publicKey), identity: fromHex(offered.identity) }
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function isLoopback(url: string): boolean {
  return /^https?:\/\/(127(\.\d+){3}|localhost|\[::1\])(:\d+)?(\/|$)/.test(url)
}
