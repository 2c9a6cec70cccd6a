import { createHash, timingSafeEqual } from 'node:crypto'
import { WireError } from '@tandem/wire'
import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose'
import { ConfigError } from './env.ts'

/** One row of the issuer table. */
export type Issuer = {
  readonly issuer: string
  /** of several, a token names any: an issuer may know one app by several names */
  readonly audience: string | readonly string[]
  /** https, or http on loopback */
  readonly jwksUrl: string
  /** asymmetric ones only */
  readonly algorithms: readonly string[]
  /** seconds after `iat` from which a token is refused, whatever its `exp`; default one hour */
  readonly maxAgeSeconds?: number
  /** a token is taken only beside the nonce it was asked for with */
  readonly requireNonce?: boolean
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

/** Apple's three keys are 1.5 KB, Google's two 1 KB. */
const MAX_JWKS_BYTES = 64 * 1024
const JWKS_MAX_AGE_MS = 10 * 60_000

/** base64url or hex of 16 bytes is the least anybody would draw */
const NONCE = /^[\x21-\x7e]{16,128}$/

const ALGORITHM = /^(RS|PS|ES)(256|384|512)$|^EdDSA$|^Ed25519$/

/**
 * Verifies users' tokens against the issuers' published keys.
 *
 * @returns a function of a token, and of the nonce sent beside it; it throws {WireError} UNAUTHENTICATED for a bad token (the reason as cause) and
 *          UNAVAILABLE if the issuer's keys cannot be had
 * @throws {ConfigError} for a table that would accept what it must not
 */
export function oidcVerifier(options: OidcOptions): (token: string, nonce?: string) => Promise<Caller> {
  const verify = oidcClaims(options)
  return async (token, nonce) => {
    const { iss, sub: subject } = await verify(token, nonce)
    const sub = `${iss}|${subject}`
    if (sub.length > MAX_SUB) throw refused(new RangeError('the subject is too long'))
    return { sub, issuer: iss, subject }
  }
}

export type OidcOptions = { readonly issuers: readonly Issuer[]; readonly clock?: () => number }

/** What a verified token says. */
export type OidcClaims = JWTPayload & { readonly iss: string; readonly sub: string }

/** As {@link oidcVerifier}, for who must know more of a token than whose it is. */
export function oidcClaims(options: OidcOptions): (token: string, nonce?: string) => Promise<OidcClaims> {
  const table = new Map(options.issuers.map((row) => [checked(row).issuer, { row, keys: remoteKeys(row) }]))
  // one row would stand for both, and which is chance
  if (table.size !== options.issuers.length) throw new ConfigError('an issuer is listed twice: list its audiences')
  const clock = options.clock ?? Date.now

  return async (token, nonce) => {
    try {
      if (token.length > MAX_TOKEN_BYTES) throw new RangeError('the token is too long')
      const known = table.get(decodeJwt(token).iss ?? '')
      if (known === undefined) throw new Error('the token is of an unknown issuer')
      const claims = await claimsOf(token, known.row, known.keys, clock())
      checkNonce(known.row, claims, nonce)
      return claims
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
    audience: [row.audience].flat(),
    requiredClaims: ['sub', 'iat', 'exp'],
    maxTokenAge: row.maxAgeSeconds ?? MAX_AGE_SECONDS,
    clockTolerance: TOLERANCE_SECONDS,
    currentDate: new Date(nowMs),
  })
  const { sub } = payload
  if (typeof sub !== 'string' || sub === '' || !sub.isWellFormed()) throw new Error('no usable subject')
  return { ...payload, iss: row.issuer, sub }
}

/** The app asked with the hash, so that whoever sees the token does not know what goes with it. A sent nonce always counts. */
function checkNonce({ requireNonce }: Issuer, { nonce: claim }: OidcClaims, nonce: string | undefined): void {
  if (nonce === undefined && requireNonce !== true) return
  if (nonce === undefined || !NONCE.test(nonce)) throw new Error('no usable nonce was sent')
  const expected = Buffer.from(createHash('sha256').update(nonce).digest('hex'))
  const found = Buffer.from(typeof claim === 'string' ? claim : '')
  if (found.length !== expected.length || !timingSafeEqual(found, expected)) throw new Error('the nonce is another')
}

function refused(cause: unknown): WireError {
  return new WireError('UNAUTHENTICATED', undefined, { cause })
}

function remoteKeys(row: Issuer): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(new URL(row.jwksUrl), {
    cooldownDuration: COOLDOWN_MS,
    timeoutDuration: JWKS_TIMEOUT_MS,
    cacheMaxAge: JWKS_MAX_AGE_MS,
    [customFetch]: boundedFetch,
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

/** The issuer is trusted to say who signs, not to fill our memory. */
async function boundedFetch(url: string, options: RequestInit): Promise<Response> {
  const answer = await fetch(url, options)
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.length
    if (size > MAX_JWKS_BYTES) throw new RangeError('the key set is too long')
    parts.push(part)
  }
  return new Response(Buffer.concat(parts), { status: answer.status })
}

function checked(row: Issuer): Issuer {
  // `issuer|subject` must have one reading
  if (row.issuer === '' || row.issuer.includes('|')) throw new ConfigError('an issuer is empty or contains |')
  if (row.audience.length === 0 || [row.audience].flat().includes(''))
    throw new ConfigError(`the audience of ${row.issuer} is empty`)
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
