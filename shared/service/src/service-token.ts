import { createHash } from 'node:crypto'
import { base64url, WireError } from '@tandem/wire'
import { z } from 'zod'
import { issue, type Kind, type TrustedKeys, verify } from './jws.ts'
import type { SigningKey } from './signing-keys.ts'

/** Source: docs/spec/flows.md, 1.2. */
const SERVICE: Kind = { typ: 'tandem-service+jwt', seconds: 60, maxBytes: 4_096 }

/** One call of one service: who calls, for whom, and exactly what. */
export const serviceClaims = z.strictObject({
  iss: z.string().min(1).max(64),
  /** the user as `issuer|subject`, or `system` */
  sub: z.string().min(3).max(512),
  /** every service that will see the call */
  aud: z.array(z.string().min(1).max(64)).min(1).max(4),
  method: z.string().min(3).max(8),
  /** path and query as they stand in the request line */
  path: z.string().min(1).max(2_048),
  /** SHA-256 of the body's bytes (of none, for none) */
  bodyHash: base64url(32),
  jti: z.string().min(16).max(64),
  iat: z.int(),
  exp: z.int(),
})
export type ServiceClaims = z.infer<typeof serviceClaims>

/** The call a token is for. `path` is path and query as they stand in the request line. */
export type ServiceCall = { readonly method: string; readonly path: string; readonly body: Uint8Array }

/** @returns a compact JWS for this one call, good for 60 s */
export async function issueServiceToken(
  key: SigningKey,
  from: { readonly issuer: string; readonly subject: string; readonly audience: readonly string[] },
  call: ServiceCall,
  nowMs = Date.now(),
): Promise<string> {
  const { issuer: iss, subject: sub, audience: aud } = from
  const claims = { iss, sub, aud, method: call.method, path: call.path, bodyHash: bodyHash(call.body) }
  return issue(SERVICE, key, claims, nowMs)
}

/**
 * Everything but its single use: spend it with {@link spendToken} before the call has an effect.
 *
 * @throws {WireError} UNAUTHENTICATED, with the reason as cause
 */
export async function verifyServiceToken(
  token: string,
  rules: { readonly from: TrustedKeys; readonly issuer: string; readonly audience: string },
  call: ServiceCall,
  nowMs = Date.now(),
): Promise<ServiceClaims> {
  try {
    const claims = await verify(SERVICE, token, { ...rules, claims: serviceClaims, nowMs })
    if (claims.method !== call.method) throw new Error('the token is for another method')
    if (claims.path !== call.path) throw new Error('the token is for another path')
    if (claims.bodyHash !== bodyHash(call.body)) throw new Error('the token is for another body')
    return claims
  } catch (cause) {
    throw new WireError('UNAUTHENTICATED', undefined, { cause })
  }
}

/** The token of an `Authorization: Bearer` header. @throws {WireError} UNAUTHENTICATED without one */
export function bearerToken(header: string | readonly string[] | undefined): string {
  const [, token] = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(typeof header === 'string' ? header : '') ?? []
  if (token === undefined) throw new WireError('UNAUTHENTICATED')
  return token
}

const bodyHash = (body: Uint8Array) => createHash('sha256').update(body).digest('base64url')
