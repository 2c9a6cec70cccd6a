import { z } from 'zod'

/** What proves a second factor: TOTP (RFC 6238), passkeys (WebAuthn), and recovery codes for when both are lost. */

/** Binary of WebAuthn, as browsers and apps encode it: base64url without padding. */
export const binary = (maxBytes: number) =>
  z
    .string()
    .min(1)
    .max(Math.ceil((maxBytes * 4) / 3))
    .regex(/^[A-Za-z0-9_-]*$/, 'base64url')

/** Longest credential id of WebAuthn level 3. */
export const credentialId = binary(1_023)

export const attachment = z.enum(['platform', 'cross-platform']).optional()

/** Results of extensions: accepted because browsers send them, never used. */
export const extensions = z.record(z.string().max(64), z.unknown())

/** AuthenticationResponseJSON of WebAuthn level 3: the answer to a challenge of ours. */
export const passkeyAssertion = z
  .strictObject({
    id: credentialId,
    rawId: credentialId,
    type: z.literal('public-key'),
    response: z.strictObject({
      clientDataJSON: binary(4_096),
      authenticatorData: binary(4_096),
      signature: binary(1_024),
      userHandle: binary(64).optional(),
    }),
    authenticatorAttachment: attachment,
    clientExtensionResults: extensions,
  })
  .meta({ id: 'PasskeyAssertion' })
export type PasskeyAssertion = z.infer<typeof passkeyAssertion>

/** Six digits of an authenticator app. */
export const totpCode = z.string().regex(/^[0-9]{6}$/, 'six digits')

/** 80 bits in the alphabet of Crockford's base 32. */
export const recoveryCode = z.string().regex(/^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/, 'a recovery code')

/** What proves the second factor: a code of the app, a recovery code, or a passkey's assertion. */
export const twoFactorCode = z.union([totpCode, recoveryCode, passkeyAssertion]).meta({ id: 'TwoFactorCode' })
export type TwoFactorCode = z.infer<typeof twoFactorCode>
