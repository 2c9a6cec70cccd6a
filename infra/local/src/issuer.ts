import { createLog, handle, listen, loadOrCreateSigningKey, route, type SigningKey } from '@tandem/service'
import { SignJWT } from 'jose'
import { z } from 'zod'
import { portOf, requireFreePort } from './processes/ports.ts'

/** An issuer that listens on loopback, and the row of the issuer table that trusts it. */
export type RunningIssuer = {
  readonly port: number
  readonly issuer: string
  readonly jwksUrl: string
  readonly audience: string
  readonly algorithms: readonly string[]
  /** an id token for a local user, good for an hour */
  readonly token: (user: string) => Promise<string>
  readonly close: () => Promise<void>
}

const TOKEN_SECONDS = 3_600

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

const userName = z.string().regex(/^[A-Za-z0-9._@+-]{1,64}$/, '1 to 64 letters, digits and . _ @ + -')

/**
 * An OIDC issuer for local runs: discovery, JWKS, and `POST /token {user}` which believes whatever name it is told. It
 * listens on loopback only, whatever the rest of the stack does.
 *
 * @param options.port 0 for any free one
 * @param options.file the signing key, mode 0600
 * @param options.audience who the tokens are for
 */
export async function startIssuer(options: {
  readonly port: number
  readonly file: string
  readonly audience: string
}): Promise<RunningIssuer> {
  const key = await loadOrCreateSigningKey(options.file)
  if (options.port !== 0) await requireFreePort(portOf('the local issuer', options.port, 'issuer-port', 'ISSUER_PORT'))

  // the port is known only after listening, and the routes name it
  const here = { url: '' }
  const token = async (user: string) => mint(key, here.url, options.audience, userName.parse(user))
  const handler = handle(issuerRoutes(key, here, token), {
    log: createLog({ name: 'issuer', level: 'warn' }),
    hosts: LOOPBACK,
  })
  const server = await listen(handler, { name: 'the local issuer', host: '127.0.0.1', port: options.port })
  here.url = `http://127.0.0.1:${server.port}`
  return {
    port: server.port,
    issuer: here.url,
    jwksUrl: `${here.url}/jwks`,
    audience: options.audience,
    algorithms: ['EdDSA'],
    token,
    close: () => {
      server.cut()
      return server.close()
    },
  }
}

function issuerRoutes(key: SigningKey, here: { readonly url: string }, token: (user: string) => Promise<string>) {
  return [
    route({
      method: 'GET',
      path: '/.well-known/openid-configuration',
      handle: async () => ({ status: 200, body: discovery(here.url) }),
    }),
    route({
      method: 'GET',
      path: '/jwks',
      handle: async () => ({ status: 200, body: { keys: [{ ...key.publicJwk, alg: 'EdDSA', use: 'sig' }] } }),
    }),
    route({
      method: 'POST',
      path: '/token',
      body: z.strictObject({ user: userName }),
      handle: async ({ body }) => ({
        status: 200,
        body: { id_token: await token(body.user), token_type: 'Bearer', expires_in: TOKEN_SECONDS },
      }),
    }),
  ]
}

function discovery(issuer: string) {
  return {
    issuer,
    jwks_uri: `${issuer}/jwks`,
    token_endpoint: `${issuer}/token`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['EdDSA'],
  }
}

function mint(key: SigningKey, issuer: string, audience: string, user: string): Promise<string> {
  return new SignJWT({ name: user })
    .setProtectedHeader({ alg: 'EdDSA', kid: key.kid, typ: 'JWT' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime(`${TOKEN_SECONDS}s`)
    .sign(key.privateKey)
}
