import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Issuer } from '@tandem/service'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'

export type TestIssuer = {
  readonly row: Issuer
  readonly privateKey: CryptoKey
  /** what a user of this issuer is called behind the API */
  readonly userOf: (name: string) => string
  /** a token that is good for five minutes; `change` overrides claims, `header` the header */
  readonly tokenOf: (name: string, change?: object, header?: object) => Promise<string>
  readonly close: () => Promise<void>
}

/** An OIDC issuer: a key pair, and a server that publishes its public half. */
export async function testIssuer(): Promise<TestIssuer> {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] })
  const server = createServer((_, res) => void res.writeHead(200).end(jwks))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const tokenOf = (sub: string, change: object = {}, header: object = {}) => {
    const iat = Math.floor(Date.now() / 1000)
    return new SignJWT({ iss: issuer, aud: 'tandem', sub, iat, exp: iat + 300, ...change })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1', ...header })
      .sign(privateKey)
  }
  return {
    row: { issuer, audience: 'tandem', jwksUrl: `${issuer}/jwks`, algorithms: ['ES256'] },
    privateKey,
    userOf: (name) => `${issuer}|${name}`,
    tokenOf,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
