import { z } from 'zod'
import { deviceKey, ticketOperation } from './api.ts'
import { hex, keyIdField, pathField, sessionIdField, traceparent } from './fields.ts'

/** Claims of a ticket: what one device may do in one dialogue. Signed by the backend, read by Sigpair only. */
export const ticketClaims = z.strictObject({
  iss: z.literal('tandem-functions'),
  aud: z.literal('sigpair'),
  /** the user, as `issuer|subject` */
  sub: z.string().min(3).max(512),
  /** single use */
  jti: z.string().min(16).max(64),
  iat: z.int(),
  exp: z.int(),
  op: ticketOperation,
  keyId: keyIdField,
  epoch: z.int().min(0),
  /** the device this ticket is for; the handshake must come from it */
  cnf: deviceKey.omit({ certificate: true }),
  /** sign: the session Sigpair holds, and the digest of the exact transaction */
  session: z.strictObject({ sessionId: sessionIdField, digest: hex(32), path: pathField }).optional(),
  /** W3C Trace Context of the request the ticket answered: the dialogue hangs there. Random ids, nothing else. */
  traceparent: traceparent.optional(),
})
export type TicketClaims = z.infer<typeof ticketClaims>
