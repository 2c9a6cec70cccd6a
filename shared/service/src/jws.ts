import { randomBytes } from 'node:crypto'
import { createLocalJWKSet, jwtVerify, type LocalJWKSet, SignJWT } from 'jose'
import type { z } from 'zod'
import { ConfigError } from './env.ts'
import { type PublicJwk, publicJwk, type SigningKey } from './signing-keys.ts'

/** Our own tokens: Ed25519, a `typ` of their own so that none passes for another, short-lived, each with an id. */

/** The keys of one issuer; two during a rotation. */
export type TrustedKeys = { readonly keys: LocalJWKSet }

/** @throws {ConfigError} unless each is an Ed25519 public key */
export function trustKeys(jwks: readonly PublicJwk[]): TrustedKeys {
  const parsed = publicJwk.array().min(1).safeParse(jwks)
  if (!parsed.success) throw new ConfigError('a trusted key is not an Ed25519 public JWK with kid')
  return { keys: createLocalJWKSet({ keys: parsed.data }) }
}

/** How far the clocks of two of our machines may differ, in seconds. */
const TOLERANCE_SECONDS = 5

export type Kind = { readonly typ: string; readonly seconds: number; readonly maxBytes: number }

/** @returns a compact JWS with `iat`, `exp` and a `jti` of 128 random bits added to `claims` */
export async function issue(kind: Kind, key: SigningKey, claims: object, nowMs: number): Promise<string> {
  const iat = Math.floor(nowMs / 1000)
  const token = await new SignJWT({
    ...claims,
    iat,
    exp: iat + kind.seconds,
    jti: randomBytes(16).toString('base64url'),
  })
    .setProtectedHeader({ alg: 'EdDSA', typ: kind.typ, kid: key.kid })
    .sign(key.privateKey)
  if (token.length > kind.maxBytes) throw new RangeError(`a ${kind.typ} has at most ${kind.maxBytes} bytes`)
  return token
}

/**
 * Signature, algorithm, type, issuer, audience, times, and the shape of the claims.
 *
 * @throws whatever was wrong, for the log only
 */
export async function verify<T extends { readonly iat: number; readonly exp: number }>(
  kind: Kind,
  token: string,
  rules: {
    readonly from: TrustedKeys
    readonly issuer: string
    readonly audience: string
    readonly claims: z.ZodType<T>
    readonly nowMs: number
  },
): Promise<T> {
  if (token.length > kind.maxBytes) throw new RangeError('the token is too long')
  const { payload } = await jwtVerify(token, rules.from.keys, {
    algorithms: ['EdDSA'],
    typ: kind.typ,
    issuer: rules.issuer,
    audience: rules.audience,
    maxTokenAge: kind.seconds,
    clockTolerance: TOLERANCE_SECONDS,
    currentDate: new Date(rules.nowMs),
    requiredClaims: ['iss', 'aud', 'sub', 'jti', 'iat', 'exp'],
  })
  const claims = rules.claims.parse(payload)
  if (claims.exp - claims.iat > kind.seconds) throw new RangeError('the token lives too long')
  return claims
}
