import { WireError } from '@tandem/wire'
import { createRemoteJWKSet, decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { ConfigError } from './env.ts'

/** One row of the issuer table. */
export type Issuer = {
  readonly issuer: string
  readonly audience: string
  /** https, or http on loopback */
  readonly jwksUrl: string
  /** asymmetric ones only */
  readonly algorithms: readonly string[]
  /** seconds after `iat` from which a token is refused, whatever its `exp`; default one hour */
  readonly maxAgeSeconds?: number
}

/** Who calls. `sub` names the user everywhere behind: `issuer|subject`. */
export type Caller = { readonly sub: string; readonly issuer: string; readonly subject: string }

const MAX_TOKEN_BYTES = 8_192
const MAX_SUB = 512
const TOLERANCE_SECONDS = 5
const MAX_AGE_SECONDS = 3_600

/** An unknown key id makes us ask the issuer again, but not more often than this: tokens are free to make up. */
const COOLDOWN_MS = 30_000
const JWKS_TIMEOUT_MS = 3_000

const ALGORITHM = /^(RS|PS|ES)(256|384|512)$|^EdDSA$|^Ed25519$/

/**
 * Verifies users' tokens against the issuers' published keys.
 *
 * @returns a function of a token; it throws {WireError} UNAUTHENTICATED for a bad token (the reason as cause) and
 *          UNAVAILABLE if the issuer's keys cannot be had
 * @throws {ConfigError} for a table that would accept what it must not
 */
export function oidcVerifier(options: OidcOptions): (token: string) => Promise<Caller> {
  const verify = oidcClaims(options)
  return async (token) => {
    const { iss, sub: subject } = await verify(token)
    const sub = `${iss}|${subject}`
    if (sub.length > MAX_SUB) throw refused(new RangeError('the subject is too long'))
    return { sub, issuer: iss, subject }
  }
}

export type OidcOptions = { readonly issuers: readonly Issuer[]; readonly clock?: () => number }

/** What a verified token says. */
export type OidcClaims = JWTPayload & { readonly iss: string; readonly sub: string }

/** As {@link oidcVerifier}, for who must know more of a token than whose it is. */
export function oidcClaims(options: OidcOptions): (token: string) => Promise<OidcClaims> {
  const table = new Map(options.issuers.map((row) => [checked(row).issuer, { row, keys: remoteKeys(row) }]))
  const clock = options.clock ?? Date.now

  return async (token) => {
    try {
      if (token.length > MAX_TOKEN_BYTES) throw new RangeError('the token is too long')
      const known = table.get(decodeJwt(token).iss ?? '')
      if (known === undefined) throw new Error('the token is of an unknown issuer')
      return await claimsOf(token, known.row, known.keys, clock())
    } catch (cause) {
      if (cause instanceof WireError) throw cause
      throw refused(cause)
    }
  }
}

async function claimsOf(token: string, row: Issuer, keys: JWTVerifyGetKey, nowMs: number): Promise<OidcClaims> {
  const { payload } = await jwtVerify(token, keys, {
    algorithms: [...row.algorithms],
    issuer: row.issuer,
    audience: row.audience,
    requiredClaims: ['sub', 'iat', 'exp'],
    maxTokenAge: row.maxAgeSeconds ?? MAX_AGE_SECONDS,
    clockTolerance: TOLERANCE_SECONDS,
    currentDate: new Date(nowMs),
  })
  const { sub } = payload
  if (typeof sub !== 'string' || sub === '' || !sub.isWellFormed()) throw new Error('no usable subject')
  return { ...payload, iss: row.issuer, sub }
}

function refused(cause: unknown): WireError {
  return new WireError('UNAUTHENTICATED', undefined, { cause })
}

function remoteKeys(row: Issuer): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(new URL(row.jwksUrl), {
    cooldownDuration: COOLDOWN_MS,
    timeoutDuration: JWKS_TIMEOUT_MS,
  })
  return async (header, token) => {
    try {
      return await remote(header, token)
    } catch (cause) {
      // the token's fault, or the issuer's?
      if (cause instanceof errors.JWKSNoMatchingKey || cause instanceof errors.JWKSMultipleMatchingKeys) throw cause
      if (cause instanceof errors.JOSENotSupported) throw cause
      throw new WireError('UNAVAILABLE', 'the identity provider cannot be reached', { cause })
    }
  }
}

function checked(row: Issuer): Issuer {
  // `issuer|subject` must have one reading
  if (row.issuer === '' || row.issuer.includes('|')) throw new ConfigError('an issuer is empty or contains |')
  if (row.audience === '') throw new ConfigError(`the audience of ${row.issuer} is empty`)
  if (row.algorithms.length === 0 || !row.algorithms.every((name) => ALGORITHM.test(name)))
    throw new ConfigError(`the algorithms of ${row.issuer} are not all asymmetric`)
  if (!isSafeUrl(row.jwksUrl)) throw new ConfigError(`the jwksUrl of ${row.issuer} is neither https nor loopback`)
  return row
}

function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || (protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname))
}
