import { decodeJwt } from 'jose'
import { z } from 'zod'
import { callHttp, NoAnswer } from './call.ts'

/** Headers that tell the platform in front of a service who calls; none where nobody asks. */
export type ServiceIdentity = (url: string) => Promise<Readonly<Record<string, string>>>

/** For services that call others of ours. */
export const identityVariables = {
  SERVICE_IDENTITY: z.enum(['none', 'google']).default('none').meta({
    description: 'google: calls to our services carry an ID token of this service’s account, for Cloud Run’s own check',
    example: 'google',
  }),
  GCE_METADATA_HOST: z
    .string()
    .regex(/^[a-zA-Z0-9.[\]:-]+$/, 'a host, perhaps with a port')
    .default('metadata.google.internal')
    .meta({ description: 'where Google’s metadata server is, for SERVICE_IDENTITY=google', example: '127.0.0.1:8900' }),
}

/** What {@link identityVariables} read. */
export type IdentityChoice = { readonly SERVICE_IDENTITY: 'none' | 'google'; readonly GCE_METADATA_HOST: string }

/** Where nobody but ourselves asks. */
export const noIdentity: ServiceIdentity = async () => ({})

export function serviceIdentity({ SERVICE_IDENTITY, GCE_METADATA_HOST }: IdentityChoice): ServiceIdentity {
  return SERVICE_IDENTITY === 'google' ? googleIdentity({ metadataHost: GCE_METADATA_HOST }) : noIdentity
}

/** The metadata server is on the same machine. */
const METADATA_MS = 2_000

/** A token is good for an hour; so long before its end another one is asked for. */
const RENEW_MS = 5 * 60_000

/** Less than this is not enough for a call. */
const LAST_MS = 30_000

const MAX_TOKEN_BYTES = 8_192

type Held = { readonly token: string; readonly expiresAt: number }

/**
 * ID tokens of the account that this service runs as, one per service that is called, kept until shortly before their end.
 * They go into `X-Serverless-Authorization`, which Cloud Run checks and takes away: `Authorization` has our own token, and
 * Cloud Run would take the signature off it.
 *
 * @returns a function of the URL to be called; it throws {NoAnswer} without a token that is good
 *
 * Source: docs/decisions/0022-who-calls-is-asked-twice.md.
 */
export function googleIdentity(options: {
  readonly metadataHost: string
  readonly now?: () => number
}): ServiceIdentity {
  const { metadataHost, now = Date.now } = options
  const held = new Map<string, Held>()
  const asking = new Map<string, Promise<Held>>()

  const renew = (audience: string): Promise<Held> => {
    const begun = asking.get(audience) ?? fetchToken(metadataHost, audience)
    asking.set(audience, begun)
    const over = () => void asking.delete(audience)
    begun.then((got) => void held.set(audience, got)).then(over, over)
    return begun
  }
  return async (url) => {
    const audience = audienceOf(url)
    const known = held.get(audience)
    const left = (known?.expiresAt ?? 0) - now()
    if (known !== undefined && left > RENEW_MS) return headersFor(known)
    // one that is still good serves while no other can be had
    const got = await renew(audience).catch((cause: unknown) => {
      if (known !== undefined && left > LAST_MS) return known
      throw new NoAnswer('no identity for this call', { cause })
    })
    return headersFor(got)
  }
}

const headersFor = ({ token }: Held) => ({ 'x-serverless-authorization': `Bearer ${token}` })

/** A service is its own audience: its URL without a path. */
const audienceOf = (url: string) => new URL(url).origin.replace(/^ws/, 'http')

async function fetchToken(host: string, audience: string): Promise<Held> {
  const path = '/computeMetadata/v1/instance/service-accounts/default/identity'
  const { status, body } = await callHttp({
    url: `http://${host}${path}?audience=${encodeURIComponent(audience)}`,
    method: 'GET',
    headers: { 'metadata-flavor': 'Google' },
    body: new Uint8Array(),
    timeoutMs: METADATA_MS,
  })
  if (status !== 200) throw new Error(`the metadata server answers ${status}`)
  const token = new TextDecoder().decode(body).trim()
  if (token.length > MAX_TOKEN_BYTES) throw new RangeError('the token is too long')
  return { token, expiresAt: endOf(token, audience) }
}

/** ms since 1970. @throws {Error} for what is no token, or one for another service; the token is not in it */
function endOf(token: string, audience: string): number {
  const { aud, exp } = claimsOf(token)
  if (aud !== audience || typeof exp !== 'number') throw new Error('the token is not for this service')
  return exp * 1000
}

function claimsOf(token: string) {
  try {
    return decodeJwt(token)
  } catch {
    throw new Error('the metadata server gave no token')
  }
}
