import { sha256 } from '@noble/hashes/sha2.js'
import { canonicalJson, type Intent, intentBytes, toHex, utf8 } from '@tandem/wire'
import type { DeviceIdentity } from '../identity.ts'
import type { Platform } from '../platform.ts'

/** How long an intent may be used: long enough for a slow network, short enough to be worth little when stolen. */
const INTENT_SECONDS = 300

/**
 * Signs one commit with the device identity, so that no service between here and Sigpair can act alone.
 *
 * @param body the request body without its `intent`
 *
 * Source: docs/spec/flows.md 1.5.
 */
export function signIntent(
  { random, now }: Platform,
  device: DeviceIdentity,
  about: { readonly op: Intent['op']; readonly keyId: string; readonly epoch: number },
  body: object,
): Intent {
  const unsigned = {
    ...about,
    bodyHash: toHex(sha256(utf8(canonicalJson(body)))),
    nonce: toHex(random(16)),
    expiry: Math.floor(now() / 1000) + INTENT_SECONDS,
  }
  return { ...unsigned, signature: toHex(device.sign(intentBytes(unsigned))) }
}
