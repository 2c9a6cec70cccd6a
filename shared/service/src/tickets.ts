import { limits, type TicketClaims, ticketClaims, WireError } from '@tandem/wire'
import { issue, type Kind, type TrustedKeys, verify } from './jws.ts'
import type { SigningKey } from './signing-keys.ts'
import { traceparentHeader } from './telemetry/scope.ts'

/** Source: docs/spec/flows.md, 1.4. */
const TICKET: Kind = { typ: 'tandem-ticket+jwt', seconds: limits.TICKET_SECONDS, maxBytes: limits.MAX_TICKET_BYTES }

/** What the backend says of one dialogue; the rest of a ticket's claims is filled in. */
export type TicketGrant = Omit<TicketClaims, 'iss' | 'aud' | 'jti' | 'iat' | 'exp' | 'traceparent'>

/**
 * @param nowMs ms since the epoch
 * @returns a compact JWS that Sigpair accepts once, within 120 s
 */
export async function issueTicket(key: SigningKey, grant: TicketGrant, nowMs = Date.now()): Promise<string> {
  return issue(TICKET, key, { ...grant, ...traceparentHeader(), iss: 'tandem-functions', aud: 'sigpair' }, nowMs)
}

/**
 * Everything but its single use: spend it with {@link spendToken} before anything is answered.
 *
 * @throws {WireError} TICKET_INVALID, with the reason as cause
 */
export async function verifyTicket(token: string, from: TrustedKeys, nowMs = Date.now()): Promise<TicketClaims> {
  try {
    const rules = { from, issuer: 'tandem-functions', audience: 'sigpair', claims: ticketClaims, nowMs }
    return await verify(TICKET, token, rules)
  } catch (cause) {
    throw new WireError('TICKET_INVALID', undefined, { cause })
  }
}
