import {
  bearerToken,
  type Incoming,
  type ServiceClaims,
  spendToken,
  type TrustedKeys,
  verifyServiceToken,
} from '@tandem/service'
import type { Store } from '@tandem/store'
import { WireError } from '@tandem/wire'

/** A service of ours, as its tokens name it, and the keys it signs with. */
export type TrustedService = { readonly issuer: string; readonly keys: TrustedKeys }

export type AuthDeps = {
  /** where spent tokens are kept */
  readonly parties: Store
  readonly now: () => number
  /** the service that calls */
  readonly duoNode: TrustedService
  /** the service it forwards for, whose own token comes along unchanged */
  readonly backend: TrustedService
}

/**
 * Who the call is for: the user as `issuer|subject`, or `system`. Both tokens must be for exactly this call and this user, so
 * that neither service can act without the other; both are spent.
 *
 * @throws {WireError} `UNAUTHENTICATED`, with the reason as cause
 *
 * Source: docs/spec/flows.md 1.2.
 */
export async function authenticate(deps: AuthDeps, incoming: Incoming): Promise<string> {
  const { headers, method, target, rawBody } = incoming
  const call = { method, path: target, body: rawBody }
  const verified = async (token: string, { issuer, keys }: TrustedService) =>
    verifyServiceToken(token, { from: keys, issuer, audience: 'sigpair' }, call, deps.now())

  const forwarded = headers['x-tandem-caller']
  if (typeof forwarded !== 'string') throw refused('the token of the backend is missing')
  const ours = await verified(bearerToken(headers.authorization), deps.duoNode)
  const theirs = await verified(forwarded, deps.backend)
  if (ours.sub !== theirs.sub) throw refused('the two tokens are for different users')

  await spendOnce(deps.parties, ours)
  await spendOnce(deps.parties, theirs)
  return ours.sub
}

async function spendOnce(parties: Store, claims: ServiceClaims): Promise<void> {
  if (!(await spendToken(parties, claims))) throw refused('the token was used before')
}

function refused(reason: string): WireError {
  return new WireError('UNAUTHENTICATED', undefined, { cause: new Error(reason) })
}
