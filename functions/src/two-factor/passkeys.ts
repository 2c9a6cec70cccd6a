import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import type { PasskeyAssertion, PasskeyCreationOptions, PasskeyRegistration, PasskeyRequestOptions } from '@tandem/wire'
import { CHALLENGE_MS, type Passkey } from '../ports/factors.ts'

/** WebAuthn, as SimpleWebAuthn verifies it. Loaded when somebody uses a passkey: it costs 116 ms of a cold start. */

/** Who the passkeys are for, and where they may be used. */
export type RelyingParty = { readonly id: string; readonly origins: readonly string[] }

/** @param user `tag`: 32 bytes that say nothing about the user; `name`: what the authenticator shows */
export async function creationOptions(
  rp: RelyingParty,
  user: { readonly tag: Uint8Array; readonly name: string },
  known: readonly Passkey[],
): Promise<PasskeyCreationOptions> {
  const options = await generateRegistrationOptions({
    rpName: 'Tandem',
    rpID: rp.id,
    userName: user.name,
    userID: Uint8Array.from(user.tag),
    timeout: CHALLENGE_MS,
    attestationType: 'none',
    excludeCredentials: known.map(descriptorOf),
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
  })
  return options as PasskeyCreationOptions
}

export async function requestOptions(rp: RelyingParty, known: readonly Passkey[]): Promise<PasskeyRequestOptions> {
  const options = await generateAuthenticationOptions({
    rpID: rp.id,
    timeout: CHALLENGE_MS,
    allowCredentials: known.map(descriptorOf),
    userVerification: 'required',
  })
  return options as PasskeyRequestOptions
}

/** @returns undefined unless it answers `challenge` to this relying party, with the user verified */
export async function registeredPasskey(
  rp: RelyingParty,
  challenge: string,
  registration: PasskeyRegistration,
): Promise<Pick<Passkey, 'id' | 'publicKey' | 'counter' | 'transports'> | undefined> {
  const { id, rawId, type, response } = registration
  const { clientDataJSON, attestationObject, transports = [] } = response
  const verified = await verifyRegistrationResponse({
    response: { id, rawId, type, response: { clientDataJSON, attestationObject }, clientExtensionResults: {} },
    expectedChallenge: challenge,
    expectedOrigin: [...rp.origins],
    expectedRPID: rp.id,
    requireUserVerification: true,
  }).catch(() => undefined)
  if (verified?.verified !== true) return undefined
  const { credential } = verified.registrationInfo
  return {
    id: credential.id,
    publicKey: Uint8Array.from(credential.publicKey),
    counter: credential.counter,
    transports,
  }
}

/** @returns the passkey's new counter; undefined unless it answers `challenge`, with the user verified */
export async function counterAfter(
  rp: RelyingParty,
  challenge: string,
  { id, publicKey, counter }: Passkey,
  assertion: PasskeyAssertion,
): Promise<number | undefined> {
  const { clientDataJSON, authenticatorData, signature } = assertion.response
  const verified = await verifyAuthenticationResponse({
    response: {
      id: assertion.id,
      rawId: assertion.rawId,
      type: assertion.type,
      response: { clientDataJSON, authenticatorData, signature },
      clientExtensionResults: {},
    },
    expectedChallenge: challenge,
    expectedOrigin: [...rp.origins],
    expectedRPID: rp.id,
    credential: { id, publicKey: Uint8Array.from(publicKey), counter },
    requireUserVerification: true,
  }).catch(() => undefined)
  return verified?.verified === true ? verified.authenticationInfo.newCounter : undefined
}

function descriptorOf({ id, transports }: Passkey) {
  return { id, transports: [...transports] }
}
