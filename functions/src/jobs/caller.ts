import { bearerToken, type Incoming, type Issuer, oidcClaims } from '@tandem/service'
import { WireError } from '@tandem/wire'

/** Whose tokens run jobs: one account of one issuer, for one audience. */
export type JobsCaller = Issuer & ({ readonly email: string } | { readonly subject: string })

/**
 * Lets the scheduler in, by the OIDC token it sends: signature, issuer, audience, age, and that it is the one account.
 *
 * @returns a function of a request; it throws {WireError} UNAUTHENTICATED or FORBIDDEN
 *
 * Source: docs/spec/events.md 7.3.
 */
export function schedulerOnly(scheduler: JobsCaller): (incoming: Incoming) => Promise<void> {
  const verify = oidcClaims({ issuers: [scheduler] })
  return async ({ headers }) => {
    const { sub, email, email_verified: verified } = await verify(bearerToken(headers.authorization))
    // Google's accounts are known by their address, and Google says that it is theirs
    const isHe = 'email' in scheduler ? email === scheduler.email && verified === true : sub === scheduler.subject
    if (!isHe) throw new WireError('FORBIDDEN')
  }
}
