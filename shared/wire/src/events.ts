import { z } from 'zod'
import { keyStatus } from './api.ts'
import { hex, keyIdField, traceparent } from './fields.ts'

/** What happens to keys, as the backend hears of it. Source: docs/spec/events.md. */

/** In the order of a key's life; `key.frozen` is any of FROZEN, SUSPENDED and STALE. */
export const keyEventType = z.enum([
  'key.pending',
  'key.ready',
  'key.rotated',
  'key.frozen',
  'key.restoring',
  'key.exported',
  'key.deleted',
])
export type KeyEventType = z.infer<typeof keyEventType>

/** The same from its first sending to its last; what a receiver knows a repetition by. */
export const eventIdField = z.string().regex(/^evt_[A-Za-z0-9_-]{22}$/, 'an event id')

/** A position in the life of one key: greater is later. Not gapless. */
const seq = z.int().min(1)

/** The body of a webhook, and of the Socket.IO event of the same name. */
export const keyEvent = z.strictObject({
  id: eventIdField,
  type: keyEventType,
  /** when it happened, ISO 8601 */
  timestamp: z.string().max(30),
  data: z.strictObject({
    keyId: keyIdField,
    /** the user, as `issuer|subject` */
    owner: z.string().min(3).max(512),
    seq,
    epoch: z.int().min(0),
    status: keyStatus,
    publicKey: hex(33),
  }),
})
export type KeyEvent = z.infer<typeof keyEvent>

/** GET /internal/events: what nobody has acknowledged, by key and then by `seq`. */
export const eventsQuery = z.strictObject({
  /** `next` of the page before */
  after: z.string().min(1).max(100).optional(),
  limit: z
    .string()
    .regex(/^[1-9][0-9]{0,2}$/, 'a number from 1 to 999')
    .optional(),
})
export const eventsResponse = z.strictObject({ events: z.array(keyEvent), next: z.string().optional() })
export type EventsResponse = z.infer<typeof eventsResponse>

/** POST /internal/events/acknowledge: these are somebody else's to keep now. Repeatable. */
export const acknowledgeEventsRequest = z.strictObject({
  events: z
    .array(z.strictObject({ keyId: keyIdField, seq }))
    .min(1)
    .max(100),
})
export type AcknowledgeEventsRequest = z.infer<typeof acknowledgeEventsRequest>

export const acknowledgeEventsResponse = z.strictObject({ acknowledged: z.int().min(0) })

/** An event that no attempt delivered. GET /admin/dead-letters of duo-node. */
export const deadLetter = z.strictObject({
  event: keyEvent,
  attempts: z.int().min(1),
  /** what the last attempt met, in our words */
  reason: z.string(),
  diedAt: z.string(),
})
export type DeadLetter = z.infer<typeof deadLetter>

export const deadLettersResponse = z.strictObject({ deadLetters: z.array(deadLetter), next: z.string().optional() })
export const replayResponse = z.strictObject({ id: eventIdField, status: z.literal('delivered') })

/** One call over Socket.IO; the event's name is the operation. */
export const socketCall = z.strictObject({
  /** the service token for exactly this method, path and body */
  token: z.string().min(1).max(4_096),
  /** as it would stand in the request line */
  path: z.string().min(1).max(2_048),
  /** JSON text, byte for byte what the token is bound to; absent for none */
  body: z.string().optional(),
  traceparent: traceparent.optional(),
})
export type SocketCall = z.infer<typeof socketCall>

/** The acknowledgement: what HTTP would have answered, a refusal as the same problem. */
export const socketAnswer = z.strictObject({ status: z.int().min(200).max(599), body: z.unknown() })
export type SocketAnswer = z.infer<typeof socketAnswer>

/** What a token of the Socket.IO handshake is bound to. */
export const SOCKET_HANDSHAKE = { method: 'GET', path: '/socket.io' } as const
