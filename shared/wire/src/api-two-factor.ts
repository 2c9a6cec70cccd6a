import { z } from 'zod'
import { intent } from './api.ts'
import {
  attachment,
  binary,
  credentialId,
  extensions,
  recoveryCode,
  totpCode,
  twoFactorCode,
} from './two-factor-code.ts'

/** The second factor of a user: TOTP (RFC 6238), passkeys (WebAuthn), and recovery codes for when both are lost. */

/** RegistrationResponseJSON of WebAuthn level 3. */
export const passkeyRegistration = z
  .strictObject({
    id: credentialId,
    rawId: credentialId,
    type: z.literal('public-key'),
    response: z.strictObject({
      clientDataJSON: binary(4_096),
      attestationObject: binary(16_384),
      authenticatorData: binary(4_096).optional(),
      publicKey: binary(4_096).optional(),
      publicKeyAlgorithm: z.int().optional(),
      transports: z.array(z.string().max(32)).max(8).optional(),
    }),
    authenticatorAttachment: attachment,
    clientExtensionResults: extensions,
  })
  .meta({ id: 'PasskeyRegistration' })
export type PasskeyRegistration = z.infer<typeof passkeyRegistration>

/**
 * POST /api/v1/2fa/enrol and /2fa/passkeys/registration-options. Whoever has a second factor already proves it; whoever has a
 * key and no second factor sends its device's intent, with the body `{enrol}`. Source: docs/spec/two-factor.md, section 3.
 */
export const beginEnrolmentRequest = z
  .strictObject({
    twoFactorCode: twoFactorCode.optional(),
    /** of any of the caller's keys, `op: 2fa` */
    intent: intent.optional(),
  })
  .meta({ id: 'BeginEnrolmentRequest' })
export type BeginEnrolmentRequest = z.infer<typeof beginEnrolmentRequest>

/** What an intent `2fa` is about: an intent for one kind is none for the other. */
export const enrolmentKind = z.enum(['totp', 'passkey'])
export type EnrolmentKind = z.infer<typeof enrolmentKind>

/** POST /internal/keys/:keyId/attest: whether the key's device wants it. */
export const attestRequest = z.strictObject({ body: z.strictObject({ enrol: enrolmentKind }), intent })
export type AttestRequest = z.infer<typeof attestRequest>

export const attestResponse = z.strictObject({})

export const enrolResponse = z
  .strictObject({
    /** for apps on the same phone */
    otpauthUrl: z.string().max(1_024),
    /** the secret in base 32, to be typed in */
    secret: z.string().regex(/^[A-Z2-7]{32}$/),
    /** an SVG as data URI: the same, to be scanned; 27 KB, and for the longest name in any script 137 KB */
    qrCode: z.string().max(163_840),
    /** seconds since 1970: to be confirmed until then */
    expiresAt: z.int(),
  })
  .meta({ id: 'EnrolResponse' })
export type EnrolResponse = z.infer<typeof enrolResponse>

/** POST /api/v1/2fa/confirm */
export const confirmEnrolmentRequest = z.strictObject({ code: totpCode }).meta({ id: 'ConfirmEnrolmentRequest' })
export type ConfirmEnrolmentRequest = z.infer<typeof confirmEnrolmentRequest>

/** Shown once: only their fingerprints are kept. */
const recoveryCodes = z.array(recoveryCode)

export const recoveryCodesResponse = z.strictObject({ recoveryCodes }).meta({ id: 'RecoveryCodes' })
export type RecoveryCodesResponse = z.infer<typeof recoveryCodesResponse>

/** POST /api/v1/2fa/recovery-codes and /2fa/disable */
export const secondFactorRequest = z.strictObject({ twoFactorCode }).meta({ id: 'SecondFactorRequest' })
export type SecondFactorRequest = z.infer<typeof secondFactorRequest>

/** GET /api/v1/2fa */
export const secondFactorResponse = z
  .strictObject({
    enabled: z.boolean(),
    totp: z.boolean(),
    passkeys: z.array(z.strictObject({ id: credentialId, name: z.string(), createdAt: z.string() })),
    recoveryCodesLeft: z.int().min(0),
  })
  .meta({ id: 'SecondFactor' })
export type SecondFactorResponse = z.infer<typeof secondFactorResponse>

const transports = z.array(z.string()).optional()
const credentials = z.array(z.strictObject({ id: z.string(), type: z.literal('public-key'), transports }))

/** PublicKeyCredentialCreationOptionsJSON, for `navigator.credentials.create` or the platform's equal. */
export const passkeyCreationOptions = z
  .looseObject({
    rp: z.strictObject({ id: z.string(), name: z.string() }),
    user: z.strictObject({ id: z.string(), name: z.string(), displayName: z.string() }),
    challenge: z.string(),
    pubKeyCredParams: z.array(z.strictObject({ alg: z.int(), type: z.literal('public-key') })),
    excludeCredentials: credentials,
    timeout: z.int(),
  })
  .meta({ id: 'PasskeyCreationOptions' })
export type PasskeyCreationOptions = z.infer<typeof passkeyCreationOptions>

/** POST /api/v1/2fa/passkeys */
export const addPasskeyRequest = z
  .strictObject({ name: z.string().trim().min(1).max(100), passkey: passkeyRegistration })
  .meta({ id: 'AddPasskeyRequest' })
export type AddPasskeyRequest = z.infer<typeof addPasskeyRequest>

export const addPasskeyResponse = z
  .strictObject({ id: credentialId, recoveryCodes: recoveryCodes.optional() })
  .meta({ id: 'AddPasskeyResponse' })
export type AddPasskeyResponse = z.infer<typeof addPasskeyResponse>

/** PublicKeyCredentialRequestOptionsJSON, for `navigator.credentials.get` or the platform's equal. */
export const passkeyRequestOptions = z
  .looseObject({
    rpId: z.string(),
    challenge: z.string(),
    allowCredentials: credentials,
    timeout: z.int(),
    userVerification: z.string(),
  })
  .meta({ id: 'PasskeyRequestOptions' })
export type PasskeyRequestOptions = z.infer<typeof passkeyRequestOptions>
