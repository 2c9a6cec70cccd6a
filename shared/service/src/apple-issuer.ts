import type { Issuer } from './oidc.ts'

/** What an operator says of Sign in with Apple; the rest is the same for everybody. */
export type AppleSignIn = {
  /** bundle ids of apps, services ids of web pages */
  readonly audience: readonly string[]
  readonly requireNonce?: boolean
}

/** Apple lets a token live longer: a sign-in proves that somebody was there now. */
const MAX_AGE_SECONDS = 600

/**
 * Sign in with Apple as a row of the issuer table. The user is `https://appleid.apple.com|` and Apple's id of him, which is the same
 * in all apps of one team; no other claim is looked at. Source: docs/spec/app-attest.md, section 1.
 */
export function appleIssuer({ audience, requireNonce }: AppleSignIn): Issuer {
  return {
    issuer: 'https://appleid.apple.com',
    audience,
    jwksUrl: 'https://appleid.apple.com/auth/keys',
    algorithms: ['RS256', 'ES256'],
    maxAgeSeconds: MAX_AGE_SECONDS,
    ...(requireNonce === undefined ? {} : { requireNonce }),
  }
}
