import { z } from 'zod'
import { deviceKey } from './api.ts'
import { utf8 } from './canonical.ts'
import { fromHex } from './encoding.ts'
import { base64url } from './fields.ts'
import { binary } from './two-factor-code.ts'

/** App Attest: an app of the operator's, unchanged, on a device of Apple's, speaks for a device key. Source: docs/spec/app-attest.md. */

/** The two keys of a device of ours that an app speaks for. */
const attestedKey = deviceKey.omit({ certificate: true })

/** As DCAppAttestService names its keys: SHA-256 of the public point, base64. */
export const appAttestKeyId = z.string().regex(/^[A-Za-z0-9+/]{43}=$/, 'the key id of App Attest')

/** POST /api/v1/app-attest/challenges */
export const appAttestChallengeRequest = z
  .strictObject({ deviceKey: attestedKey })
  .meta({ id: 'AppAttestChallengeRequest' })
export type AppAttestChallengeRequest = z.infer<typeof appAttestChallengeRequest>

export const appAttestChallengeResponse = z
  .strictObject({
    challenge: base64url(32),
    /** seconds since 1970 */
    expiresAt: z.int(),
    /** the key that was attested for this device: an assertion of it answers the challenge too */
    keyId: appAttestKeyId.nullable(),
  })
  .meta({ id: 'AppAttestChallenge' })
export type AppAttestChallengeResponse = z.infer<typeof appAttestChallengeResponse>

/** POST /api/v1/app-attest/attestations */
export const attestDeviceRequest = z
  .strictObject({ deviceKey: attestedKey, keyId: appAttestKeyId, attestation: binary(16_384) })
  .meta({ id: 'AttestDeviceRequest' })
export type AttestDeviceRequest = z.infer<typeof attestDeviceRequest>

/** POST /api/v1/app-attest/assertions */
export const assertDeviceRequest = z
  .strictObject({ deviceKey: attestedKey, assertion: binary(2_048) })
  .meta({ id: 'AssertDeviceRequest' })
export type AssertDeviceRequest = z.infer<typeof assertDeviceRequest>

export const attestedDeviceResponse = z
  .strictObject({
    keyId: appAttestKeyId,
    /** seconds since 1970: until then no other proof is asked for */
    attestedUntil: z.int(),
  })
  .meta({ id: 'AttestedDevice' })
export type AttestedDeviceResponse = z.infer<typeof attestedDeviceResponse>

/**
 * What an app signs, hashed with SHA-256: label ‖ challenge ‖ identity ‖ exchange, each of the three 32 bytes.
 *
 * @param device as 0x-hex
 */
export function appAttestClientData(
  challenge: Uint8Array,
  device: { readonly identity: string; readonly exchange: string },
): Uint8Array {
  const parts = [utf8('tandem/app-attest/v1\n'), challenge, fromHex(device.identity), fromHex(device.exchange)]
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}
