import { bearerToken, type Incoming, spendToken, verifyServiceToken } from '@tandem/service'
import { WireError } from '@tandem/wire'
import type { TrustedService } from '../internal/internal-auth.ts'
import type { Stores } from '../stores.ts'

/**
 * A call of the gateway itself. It acts for nobody: whatever it shows carries the words of others.
 *
 * @throws {WireError} `UNAUTHENTICATED`, with the reason as cause
 *
 * Source: docs/spec/gateway.md 4.7.
 */
export async function authenticateGateway(
  { parties, now }: Pick<Stores, 'parties' | 'now'>,
  { issuer, keys }: TrustedService,
  { headers, method, target, rawBody }: Incoming,
): Promise<string> {
  const call = { method, path: target, body: rawBody }
  const rules = { from: keys, issuer, audience: 'sigpair' }
  const claims = await verifyServiceToken(bearerToken(headers.authorization), rules, call, now())
  if (await spendToken(parties, claims)) return claims.sub
  throw new WireError('UNAUTHENTICATED', undefined, { cause: new Error('the token was used before') })
}
